/** Keys for everything: pages register theirs, `?` lists them. A key typed into a field is text, never a shortcut. */

/** A key and what it does. */
export interface Shortcut {
  /** As in `KeyboardEvent.key`; letters in lower case. */
  readonly key: string;
  /** How the list of keys shows it, such as "Space". */
  readonly label: string;
  /** What it does, such as "play or pause". */
  readonly does: string;
  /** Does it. */
  readonly run: () => void;
}

/** Elements that take keys themselves. */
const TAKES_TEXT =
  "input:not([type=checkbox]):not([type=radio]):not([type=button]), textarea, select, [contenteditable]";
/** Elements that Space and Enter press. */
const PRESSABLE = "button, a, summary, input, [role=button], [role=tab], [role=slider]";

/** The keys in force. */
export class Shortcuts {
  readonly #groups = new Set<readonly Shortcut[]>();

  /** Adds keys. @returns removes them. */
  add(shortcuts: readonly Shortcut[]): () => void {
    this.#groups.add(shortcuts);
    return () => this.#groups.delete(shortcuts);
  }

  /** All keys, for the list. */
  get all(): readonly Shortcut[] {
    return [...this.#groups].flat();
  }

  /** Runs the shortcut of a key, unless the key belongs to the focused element. @returns whether there was one. */
  press(event: KeyboardEvent): boolean {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const target = event.composedPath()[0];
    if (target instanceof Element) {
      if (target.matches(TAKES_TEXT)) return false;
      const isPress = event.key === " " || event.key === "Enter" || event.key.startsWith("Arrow");
      if (isPress && target.matches(PRESSABLE)) return false;
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const shortcut = this.all.find((known) => known.key === key);
    if (shortcut === undefined) return false;
    event.preventDefault();
    shortcut.run();
    return true;
  }
}
