/** What a browser's storage answers, as data: a page shows the sentence, and never catches an exception of its own. */

/** Why nothing was stored or found. */
export type StorageFault =
  /** The browser gives this page no storage. */
  | "refused"
  /** There is no room left. */
  | "full"
  /** What is stored cannot be read. */
  | "damaged"
  /** Nothing of that name is stored. */
  | "missing"
  /** The browser failed, without saying more than its own message. */
  | "failed";

/** A value, or why there is none. */
export type Stored<Value> =
  | { readonly ok: true; readonly value: Value }
  | {
      readonly ok: false;
      readonly fault: StorageFault;
      /** A sentence for the visitor. */
      readonly message: string;
    };

/** A value. */
export const stored = <Value>(value: Value): Stored<Value> => ({ ok: true, value });

/** A fault with its sentence. */
export const fault = (kind: StorageFault, message: string): Stored<never> => ({ ok: false, fault: kind, message });

/**
 * The kind of a browser's exception.
 * @example
 * faultOf(new DOMException("", "QuotaExceededError")); // "full"
 */
export function faultOf(error: unknown): StorageFault {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  if (name === "QuotaExceededError") return "full";
  if (name === "NotFoundError") return "missing";
  return name === "SecurityError" || name === "NotAllowedError" ? "refused" : "failed";
}
