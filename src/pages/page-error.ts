/** Why a page could not be read. The message is a clause, printed after the page's address and a colon. */
export class PageError extends Error {
  /** Whether a retry may succeed. */
  readonly temporary: boolean;
  /** Milliseconds to wait before the next try, as the server asks; null: it does not say. */
  readonly afterMs: number | null;
  /** Whether the host could not be reached at all, so that every page of it fails alike. */
  readonly unreachable: boolean;

  /** @param reason the clause. Default: not temporary, and the host was reached. */
  constructor(
    reason: string,
    {
      temporary = false,
      afterMs = null,
      unreachable = false,
    }: { temporary?: boolean; afterMs?: number | null; unreachable?: boolean } = {},
  ) {
    super(reason);
    this.name = "PageError";
    this.temporary = temporary;
    this.afterMs = afterMs;
    this.unreachable = unreachable;
  }
}

/** Error codes that say that no connection was made. */
export const UNREACHABLE: ReadonlySet<string> = new Set([
  "EAI_AGAIN",
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** The address is one that a page must not come from. */
export class AddressError extends PageError {}
