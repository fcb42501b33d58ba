/** Which chapters the visitor has answered, remembered in this browser if it allows. */

const KEY = "microgpt-learn";

/** The answers so far. */
export class Reading {
  readonly #chosen: Map<string, number>;
  readonly #storage: Pick<Storage, "getItem" | "setItem"> | null;

  /** @param storage null where it is refused: then the answers last until the page is closed. */
  constructor(storage: Pick<Storage, "getItem" | "setItem"> | null) {
    this.#storage = storage;
    this.#chosen = new Map(stored(storage));
  }

  /** The answer chosen in a chapter, from 0; null if it has not been answered. */
  chosen(chapter: string): number | null {
    return this.#chosen.get(chapter) ?? null;
  }

  /** Remembers an answer. */
  choose(chapter: string, answer: number): void {
    this.#chosen.set(chapter, answer);
    try {
      this.#storage?.setItem(KEY, JSON.stringify(Object.fromEntries(this.#chosen)));
    } catch {
      // Storage is full or refused: the answers last until the page is closed.
    }
  }
}

/** This browser's storage; null where the page may not use it. */
export function browserStorage(): Storage | null {
  try {
    return globalThis.localStorage;
  } catch {
    return null;
  }
}

/** What was stored; anything unexpected is dropped, because other versions of the site may have written it. */
function stored(storage: Pick<Storage, "getItem"> | null): (readonly [string, number])[] {
  try {
    const value: unknown = JSON.parse(storage?.getItem(KEY) ?? "{}");
    if (typeof value !== "object" || value === null) return [];
    return Object.entries(value).filter((entry): entry is [string, number] => Number.isInteger(entry[1]));
  } catch {
    return [];
  }
}
