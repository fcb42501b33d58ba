/** What the tests find on the page. */
import type { Shell } from "../../playground/shell/shell.ts";

declare global {
  interface HTMLElementTagNameMap {
    "mg-shell": Shell;
  }
  // oxlint-disable-next-line no-var -- only `var` declares a global
  var axe: typeof import("axe-core");
}
