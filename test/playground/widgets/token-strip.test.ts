import { beforeEach, expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { TokenStrip } from "../../../playground/widgets/token-strip.ts";
import { detailsOf, mount } from "./mount.ts";

let strip: TokenStrip;
let queries: unknown[];
beforeEach(async () => {
  const attention = [0.25, 0.7, 0.05, 0];
  strip = await mount(TokenStrip, { tokens: ["<bos>", "a", " ", "b"], query: 2, chosen: 2, attention });
  queries = detailsOf(strip, "query");
});

test("shows how much the query attends to each token, and that it cannot see those after it", () => {
  const texts = page.getByRole("radio").elements();
  expect(texts.map(({ textContent }) => textContent.replaceAll(/\s+/g, " ").trim())).toEqual([
    "BOS 25 %",
    "a 70 %",
    "␣ 5 %",
    "b –",
  ]);
  expect(texts.map((token) => token.getAttribute("aria-checked"))).toEqual(["false", "false", "true", "false"]);
});

test("is one stop of the Tab key, within which the arrow keys choose", async () => {
  await userEvent.keyboard("{Tab}");
  expect(strip.renderRoot.querySelectorAll("[tabindex='0']")).toHaveLength(1);
  await userEvent.keyboard("{ArrowLeft}");
  expect(queries).toEqual([{ position: 1, isChosen: true }]);
  expect(strip.shadowRoot!.activeElement?.textContent).toContain("a");
});

test("the pointer looks at another query for as long as it is there; a click chooses", async () => {
  await userEvent.hover(page.getByRole("radio").nth(1));
  await userEvent.unhover(page.getByRole("radio").nth(1));
  expect(queries).toEqual([
    { position: 1, isChosen: false },
    { position: 2, isChosen: false },
  ]);
  await userEvent.click(page.getByRole("radio").nth(3));
  expect(queries.at(-1)).toEqual({ position: 3, isChosen: true });
});
