import { beforeEach, expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { TensorView } from "../../../playground/widgets/tensor-view.ts";
import { cellsOf, detailsOf, mount } from "./mount.ts";

let view: TensorView;
let chosen: unknown[];
beforeEach(async () => {
  view = await mount(TensorView, { name: "wte", rows: 2, columns: 3, numbers: [1, -2, 0, null, 0.5, 4], chosen: 1 });
  chosen = detailsOf(view, "choose");
});

/** The colour in the middle of a cell. */
const pixelOf = (row: number, column: number): number[] => {
  const context = view.renderRoot.querySelector("canvas")!.getContext("2d")!;
  return [...context.getImageData(column * 9 + 3, row * 9 + 3, 1, 1).data];
};

test("says its shape and range", async () => {
  const words = "wte [2][3]: −2.000 … 4.000; the numbers are in the table below";
  await expect.element(page.getByRole("img", { name: words })).toBeVisible();
});

test("draws plus and minus in their colours, 0 in the card's, and what has no number yet apart", () => {
  expect(pixelOf(1, 2)).toEqual([0x0b, 0x64, 0xa8, 255]);
  expect(pixelOf(0, 2)).toEqual([255, 255, 255, 255]);
  const [red, green, blue] = pixelOf(0, 1);
  expect(red).toBeGreaterThan(green);
  expect(green).toBeGreaterThan(blue);
  expect(pixelOf(1, 0)).not.toEqual([255, 255, 255, 255]);
});

test("a click on a cell chooses it", async () => {
  await userEvent.click(page.getByRole("img"), { position: { x: 9 * 2 + 5, y: 5 } });
  expect(chosen).toEqual([2]);
});

test("behind it, in a table, every number is a button, by keyboard, too", async () => {
  await userEvent.click(page.getByText("numbers", { exact: true }));
  expect(cellsOf(page.getByRole("table").element())).toEqual([
    ["0", "1.000", "−2.000", "0"],
    ["1", "–", "0.5000", "4.000"],
  ]);
  await expect.element(page.getByRole("button", { name: "–" })).toBeDisabled();
  await expect.element(page.getByRole("button", { name: "−2.000" })).toHaveAttribute("aria-pressed", "true");
  page.getByRole("button", { name: "0.5000" }).element().focus();
  await userEvent.keyboard("{Enter}");
  expect(chosen).toEqual([4]);
});
