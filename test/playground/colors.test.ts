/** The contrast of every text colour on every surface, in both themes: at least 4.5:1 (WCAG 2.2, 1.4.3). */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const css = readFileSync(new URL("../../playground/design/tokens.css", import.meta.url), "utf8");

/** Name → colour, such as `--ink` → `#1d1f21`, of the rule with this selector. */
function tokensOf(selector: string): ReadonlyMap<string, string> {
  const start = css.indexOf(`${selector} {`);
  const rule = css.slice(start, css.indexOf("}", start));
  return new Map([...rule.matchAll(/(--[\w-]+): (#[0-9a-f]{6});/g)].map(([, name, color]) => [name, color]));
}

/** Relative luminance of a colour (WCAG 2.2, definitions). */
function luminance(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((i) => {
    const value = Number.parseInt(color.slice(i, i + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [dark, light] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

const SURFACES = ["--page", "--card", "--sunken", "--accent-soft"];
const SERIES = Array.from({ length: 8 }, (_, i) => `--series-${i + 1}`);
const TEXTS = ["--ink", "--muted", "--accent", "--good", "--warn", "--bad", ...SERIES];

describe.each([
  ["light", ":root"],
  ["dark", ':root[data-theme="dark"]'],
])("%s", (_theme, selector) => {
  const tokens = tokensOf(selector);

  test("black on white is 21:1", () => {
    expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 5);
  });

  test("every text is legible on every surface, and a button's on the accent", () => {
    const pairs = TEXTS.flatMap((text) => SURFACES.map((surface) => [text, surface] as const));
    const weak = [...pairs, ["--on-accent", "--accent"] as const].flatMap(([text, surface]) => {
      const ratio = contrast(tokens.get(text)!, tokens.get(surface)!);
      return ratio >= 4.5 ? [] : [`${text} on ${surface}: ${ratio.toFixed(2)}`];
    });
    expect(weak).toEqual([]);
  });
});
