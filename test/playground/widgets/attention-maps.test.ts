import { beforeEach, expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { AttentionMaps } from "../../../playground/widgets/attention-maps.ts";
import { cellsOf, detailsOf, mount } from "./mount.ts";

/** Attention of a head: every token to itself, or to the first. */
const SELF = Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1);
const FIRST = Float32Array.of(1, 0, 0, 1, 0, 0, 1, 0, 0);

let maps: AttentionMaps;
beforeEach(async () => {
  maps = await mount(AttentionMaps, {
    chosen: 2,
    inspection: {
      text: "ab",
      ids: [9, 0, 1],
      tokens: ["<bos>", "a", "b"],
      attention: [
        [SELF, SELF],
        [SELF, FIRST],
      ],
      logits: new Float32Array(),
      losses: new Float32Array(),
    },
  });
});

/** What the query attends to, token by token. */
const shares = (): string[] =>
  page
    .getByRole("radio")
    .elements()
    .map(({ textContent }) => textContent.replaceAll(/\s+/g, " ").trim());

test("has a small map per head; the chosen one is shown large, with its numbers in a table", async () => {
  expect(shares()).toEqual(["BOS 0 %", "a 0 %", "b 100 %"]);
  const layer = page.getByRole("group", { name: "Heads of layer 1" });
  expect(layer.getByRole("button").elements()).toHaveLength(2);
  await userEvent.click(layer.getByRole("button", { name: "head 1" }));
  await expect.element(layer.getByRole("button", { name: "head 1" })).toHaveAttribute("aria-pressed", "true");
  await expect.element(page.getByRole("heading", { name: "Layer 1, head 1" })).toBeVisible();
  await expect.poll(shares).toEqual(["BOS 100 %", "a 0 %", "b 0 %"]);
  await userEvent.click(page.getByText("Values as a table"));
  expect(cellsOf(page.getByRole("table").element())).toEqual([
    ["", "BOS", "a", "b"],
    ["BOS", "1", "0", "0"],
    ["a", "1", "0", "0"],
    ["b", "1", "0", "0"],
  ]);
});

test("a row of the large map under the cursor is the query", async () => {
  page.getByRole("slider", { name: "Layer 0, head 0: cell" }).element().focus();
  await userEvent.keyboard("{ArrowRight}");
  await expect.poll(shares).toEqual(["BOS 100 %", "a –", "b –"]);
});

test("tells which token was clicked", async () => {
  const chosen = detailsOf(maps, "choose");
  await userEvent.click(page.getByRole("radio").nth(1));
  expect(chosen).toEqual([1]);
});

test("a head that the next model lacks is shown no more", async () => {
  await userEvent.click(page.getByRole("group", { name: "Heads of layer 1" }).getByRole("button", { name: "head 1" }));
  maps.inspection = { ...maps.inspection, attention: [[SELF]] };
  await expect.element(page.getByRole("heading", { name: "Layer 0, head 0" })).toBeVisible();
});
