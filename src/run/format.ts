/** Values as text: what is safe to print, and numbers for people. */

/**
 * Makes text of unknown origin (data, samples, file names) safe to print: drops control characters, which could move
 * the cursor or rename the window, and direction marks, which could reorder the line. Keeps tab and newline.
 */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, "");
}

/** A warning as a line for people. */
export const warningLine = (message: string): string => `microgpt: warning: ${printable(message)}\n`;

/** A value as a line of JSON, with control characters and direction marks escaped. */
export function jsonLine(value: unknown): string {
  const escaped = JSON.stringify(value).replace(
    /[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `${escaped}\n`;
}

const BARS = "▁▂▃▄▅▆▇█";

/** A one-line curve, the lowest value at the bottom: `[3, 2, 1]` → `█▅▁`. Longer lists are thinned to `width`. */
export function sparkline(values: readonly number[], width: number): string {
  const count = Math.min(width, values.length);
  const shown = Array.from({ length: count }, (_, i) => values[Math.floor(((i + 1) * values.length) / count) - 1]);
  const [low, high] = [Math.min(...shown), Math.max(...shown)];
  const level = (value: number): number => (high > low ? Math.round(((value - low) / (high - low)) * 7) : 0);
  return shown.map((value) => BARS[level(value)]).join("");
}

/** Seconds as a duration: `7s`, `3m05s`, `2h04m`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h${two(Math.floor((whole % 3600) / 60))}m`;
}

/** `12345.6` → `12,346`. */
export const grouped = (value: number): string => Math.round(value).toLocaleString("en-US");

/** `12345678` → `12.3 MB`. */
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** The same for small things: `12345` → `12.3 kB`. */
export const fileSize = (bytes: number): string => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : megabytes(bytes));

/** `0.6213` → `62.1%`. */
export const percent = (fraction: number): string => `${(100 * fraction).toFixed(1)}%`;
