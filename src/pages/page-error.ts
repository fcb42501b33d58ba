/** Why a page could not be read. The message is a clause, printed after the page's address and a colon. */
export class PageError extends Error {
  /** Whether a retry may succeed. */
  readonly temporary: boolean;
  /** Milliseconds to wait before the next try, as the server asks; null: it does not say. */
  readonly afterMs: number | null;

  /** @param reason the clause. Default: not temporary. */
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

/** The address is one that a page must not come from. */
export class AddressError extends PageError {}
