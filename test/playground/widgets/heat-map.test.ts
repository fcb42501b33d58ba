import { beforeEach, expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { HeatMap } from "../../../playground/widgets/heat-map.ts";
import { cellsOf, detailsOf, mount } from "./mount.ts";

const MATRIX = {
  label: "weights",
  data: [0, 1, -2, 0.5, Number.NaN, 4],
  rows: 2,
  columns: 3,
  rowLabels: ["a", "b"],
  columnLabels: ["x", "y", "z"],
  rowTitle: "from",
  columnTitle: "to",
};

let map: HeatMap;
beforeEach(async () => {
  map = await mount(HeatMap, MATRIX);
});

/** Red, green and blue of a pixel, and how opaque it is; a pixel is a cell. */
const pixelOf = (row: number, column: number): number[] => {
  const context = map.renderRoot.querySelector("canvas")!.getContext("2d")!;
  return [...context.getImageData(column, row, 1, 1).data];
};

test("says how large it is, and what the full colour is", async () => {
  await expect.element(page.getByText(/^2 × 3; the full colour is 4\./)).toBeVisible();
});

test("draws 0 in the card's colour, plus and minus in theirs by size, and what is no number not at all", async () => {
  await expect.poll(() => pixelOf(1, 2)).toEqual([0x0b, 0x64, 0xa8, 255]); // 4: --positive
  expect(pixelOf(0, 0)).toEqual([255, 255, 255, 255]);
  expect(pixelOf(0, 2)).toEqual([213, 165, 132, 255].map((value, i) => (i < 3 ? expect.closeTo(value, -0.5) : value)));
  expect(pixelOf(1, 1)[3]).toBe(0);
});

test("by keyboard, reads out cell after cell, and says which it is", async () => {
  const cells = detailsOf(map, "cell");
  await userEvent.keyboard("{Tab}{Tab}");
  await userEvent.keyboard("{ArrowRight}{ArrowDown}{ArrowRight}{ArrowRight}{ArrowRight}");
  const slider = page.getByRole("slider", { name: "weights: cell" });
  await expect.element(slider).toHaveAttribute("aria-valuetext", "from b, to z: 4");
  await expect.element(slider).toHaveAttribute("aria-valuenow", "5");
  expect(cells).toEqual([
    { row: 0, column: 0 },
    { row: 1, column: 0 },
    { row: 1, column: 1 },
    { row: 1, column: 2 },
  ]);
});

test("has every number in a table behind it", async () => {
  await userEvent.click(page.getByText("Values as a table"));
  expect(cellsOf(page.getByRole("table").element())).toEqual([
    ["", "x", "y", "z"],
    ["a", "0", "1", "-2"],
    ["b", "0.5", "–", "4"],
  ]);
});

test("shows a large matrix around the cursor", async () => {
  await mount(HeatMap, { label: "large", data: new Float32Array(100 * 50), rows: 100, columns: 50 });
  await userEvent.click(page.getByText("Values as a table"));
  expect(cellsOf(page.getByRole("table").element()).length).toBe(1 + 24);
  await expect.element(page.getByText("The part around the cursor, of 100 × 50.")).toBeVisible();
});

test("as a picture alone has no text", async () => {
  await mount(HeatMap, { ...MATRIX, compact: true });
  expect(document.querySelector("mg-heat-map")!.shadowRoot!.textContent.trim()).toBe("");
});
