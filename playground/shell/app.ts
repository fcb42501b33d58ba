/**
 * What the shell gives to every page, as its property `app`: the run that all pages share, announcements for screen
 * readers, keys. Pages get it as an argument, so that a test can give them another.
 */
import type { RunClient } from "../run/client.ts";
import type { Shortcut } from "./shortcuts.ts";

/** The surroundings of a page. */
export interface App {
  /** The training that Play, Look inside and the links share. */
  readonly run: RunClient;
  /** Says a milestone to screen readers, in the page's one live region. */
  announce(message: string): void;
  /** Registers keys while the page is shown. @returns removes them. */
  addShortcuts(shortcuts: readonly Shortcut[]): () => void;
}

/** What the shell sets on the element of a page. */
export interface PageElement extends HTMLElement {
  /** The surroundings. */
  app: App;
  /** Path below the page, such as a chapter's; "" for none. */
  rest: string;
  /** Parameters of the link that led here. */
  parameters: URLSearchParams;
}
