/** Light or dark: as the system has it, until the visitor chooses. */

const KEY = "microgpt-theme";

/** A theme. */
export type Theme = "light" | "dark";

/** The theme in force. */
export const currentTheme = (): Theme => (document.documentElement.dataset.theme === "dark" ? "dark" : "light");

/** Applies the visitor's choice, or the system's, and follows the system until there is a choice. */
export function startTheme(): void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = (): void => {
    const chosen = stored();
    setTheme(chosen ?? (system.matches ? "dark" : "light"));
  };
  system.addEventListener("change", apply);
  apply();
}

/** Switches to the other theme and remembers it. */
export function toggleTheme(): void {
  const theme = currentTheme() === "dark" ? "light" : "dark";
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Storage is refused: the choice holds until the page is closed.
  }
  setTheme(theme);
}

function setTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  // Canvases read the colours when they draw.
  dispatchEvent(new Event("themechange"));
}

function stored(): Theme | null {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : null;
  } catch {
    return null;
  }
}
