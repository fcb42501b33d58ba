import { beforeEach, expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { ScatterPlot } from "../../../playground/widgets/scatter-plot.ts";
import { cellsOf, mount } from "./mount.ts";

/** On a line from left to right, but for the last. */
const POINTS = [
  { label: "a", x: -1, y: 0 },
  { label: "b", x: 0, y: 0 },
  { label: "c", x: 0.5, y: 0 },
  { label: "d", x: 2, y: 0 },
  { label: "e", x: 2, y: 1 },
];

let plot: ScatterPlot;
beforeEach(async () => {
  plot = await mount(ScatterPlot, { label: "Embeddings", xLabel: "first", yLabel: "second", points: POINTS });
});

const reading = (): string => plot.renderRoot.querySelector(".reading")!.textContent.trim();

test("draws every point with its label, both axes on the same scale", () => {
  const texts = [...plot.renderRoot.querySelectorAll("text")];
  expect(texts.map(({ textContent }) => textContent)).toEqual(["a", "b", "c", "d", "e"]);
  const at = (i: number, axis: "x" | "y"): number => Number(texts[i].getAttribute(axis));
  expect(at(1, "x") - at(0, "x")).toBeCloseTo(at(3, "y") - at(4, "y"), 9);
  expect(at(4, "y")).toBeLessThan(at(3, "y"));
});

test("by keyboard, reads out a point and its nearest, around and around", async () => {
  expect(reading()).toBe("5 points. Point at one, or use the arrow keys.");
  await userEvent.keyboard("{Tab}{ArrowRight}{ArrowRight}");
  const slider = page.getByRole("slider", { name: "Embeddings: point" });
  await expect.element(slider).toHaveAttribute("aria-valuetext", "b: 0, 0; nearest here: c, a, d");
  expect(reading()).toBe("b: 0, 0; nearest here: c, a, d");
  await userEvent.keyboard("{ArrowLeft}{ArrowLeft}");
  await expect.element(slider).toHaveAttribute("aria-valuetext", "e: 2, 1; nearest here: d, c, b");
});

test("by pointer, reads out the nearest point", async () => {
  const slider = page.getByRole("slider", { name: "Embeddings: point" });
  const [outer, circle] = [slider.element(), plot.renderRoot.querySelectorAll("circle")[3]].map((one) =>
    one.getBoundingClientRect(),
  );
  await userEvent.hover(slider, { position: { x: circle.x - outer.x, y: circle.y - outer.y } });
  await expect.poll(reading).toBe("d: 2, 0; nearest here: e, c, b");
});

test("has the points in a table behind it", async () => {
  await userEvent.click(page.getByText("Points as a table"));
  expect(cellsOf(page.getByRole("table").element()).slice(0, 2)).toEqual([
    ["point", "first", "second"],
    ["a", "-1", "0"],
  ]);
});
