import { expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { Histogram } from "../../../playground/widgets/histogram.ts";
import { cellsOf, mount } from "./mount.ts";

/** 39 intervals of one number and a last one of two, from −1 to 3. */
const DATA = [...Array.from({ length: 40 }, (_, i) => -1 + 0.1 * i + 0.05), -1, 3].toSorted((a, b) => a - b);

test("draws a bar per interval, as high as its share of the fullest, minus and plus in their colours", async () => {
  const histogram = await mount(Histogram, { label: "weights", data: DATA });
  const bars = [...histogram.renderRoot.querySelectorAll("rect")];
  expect(bars).toHaveLength(40);
  const heights = bars.map((bar) => Number(bar.getAttribute("height")));
  expect(heights).toEqual([118, ...Array.from({ length: 38 }, () => 59), 118]);
  expect(bars.map((bar) => bar.getAttribute("fill"))).toEqual(
    bars.map((_, i) => (i < 10 ? "var(--negative)" : "var(--positive)")),
  );
  await expect.element(page.getByRole("img", { name: "weights: histogram" })).toBeVisible();
});

test("has its statistics and every interval in tables", async () => {
  await mount(Histogram, { label: "weights", data: DATA });
  const region = page.getByRole("region", { name: "weights: statistics" });
  expect(cellsOf(region.getByRole("table").element())).toEqual([
    ["numbers", "42"],
    ["mean", "1"],
    ["deviation", "1.208"],
    ["smallest", "-1"],
    ["largest", "3"],
  ]);
  await userEvent.click(page.getByText("Histogram as a table"));
  const rows = cellsOf(page.getByRole("table").nth(1).element());
  expect([rows.length, rows[1], rows[40]]).toEqual([41, ["-1", "-0.9", "2"], ["2.9", "3", "2"]]);
});

test("of no numbers has no bars", async () => {
  const histogram = await mount(Histogram, { label: "none", data: [] });
  expect(histogram.renderRoot.querySelectorAll("rect")).toHaveLength(0);
});
