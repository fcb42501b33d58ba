/**
 * Why a page could not be had: one clause, to stand behind the page's address and a colon.
 */
export class PageError extends Error {
  /** Whether it may go better later; `afterMs`: not before so many milliseconds, if the server said so. */
  readonly temporary: boolean;
  readonly afterMs: number | null;

  constructor(
    reason: string,
    { temporary = false, afterMs = null }: { temporary?: boolean; afterMs?: number | null } = {},
  ) {
    super(reason);
    this.name = "PageError";
    this.temporary = temporary;
    this.afterMs = afterMs;
  }
}

/** It leads where pages must not lead. */
export class AddressError extends PageError {}
