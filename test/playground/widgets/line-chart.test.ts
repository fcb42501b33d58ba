import { expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { LineChart } from "../../../playground/widgets/line-chart.ts";
import { cellsOf, mount } from "./mount.ts";

const CHART = {
  label: "Loss",
  yLabel: "nats",
  series: [
    { label: "training", xs: null, ys: [3, 2, 1] },
    { label: "held out", xs: [2], ys: [2.5] },
  ],
  lines: [{ label: "uniform", y: 3.3 }],
};

/** Pixels that are drawn; 0: none, or there is no picture yet. */
function inkOf(chart: LineChart): number {
  const canvas = chart.renderRoot.querySelector("canvas");
  if (canvas === null) return 0;
  const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((value, i) => i % 4 === 3 && value > 0).length;
}

/** After the frame in which it would be drawn. */
const afterFrames = async (): Promise<void> => {
  for (let i = 0; i < 3; i++) await new Promise((drawn) => requestAnimationFrame(drawn));
};

/** After what is under way, before any frame: uPlot draws when the present task is over. */
const afterTask = (): Promise<unknown> => new Promise((done) => setTimeout(done));

test("draws its curves, and says in words what they show", async () => {
  const chart = await mount(LineChart, CHART);
  await expect.poll(() => inkOf(chart)).toBeGreaterThan(500);
  const words =
    "Loss. training: first 3 at step 1, last 1 at step 3, lowest 1 at step 3. held out: first 2.5 at step 2, last 2.5 at step 2, lowest 2.5 at step 2. line uniform at 3.3";
  await expect.element(page.getByRole("img", { name: words })).toBeVisible();
});

test("has its values in a table behind it, and in the legend", async () => {
  const chart = await mount(LineChart, CHART);
  await expect.poll(() => chart.renderRoot.querySelector(".value")?.textContent).toBe("1");
  await userEvent.click(page.getByText("Values as a table"));
  expect(cellsOf(page.getByRole("table").element())).toEqual([
    ["step", "training", "held out"],
    ["1", "3", "–"],
    ["2", "2", "2.5"],
    ["3", "1", "–"],
  ]);
});

test("off the screen draws nothing, until it is printed: then also what changes meanwhile", async () => {
  const chart = Object.assign(new LineChart(), CHART);
  chart.style.marginTop = "5000px";
  document.body.replaceChildren(chart);
  await afterFrames();
  expect(inkOf(chart)).toBe(0);
  dispatchEvent(new Event("beforeprint"));
  await afterTask();
  const both = inkOf(chart);
  expect(both).toBeGreaterThan(500);
  chart.series = CHART.series.slice(0, 1);
  await afterTask();
  const one = inkOf(chart);
  expect(one).not.toBe(both);
  dispatchEvent(new Event("afterprint"));
  chart.series = CHART.series;
  await afterFrames();
  expect(inkOf(chart)).toBe(one);
});

test("is drawn again in the colours of another theme", async () => {
  const chart = await mount(LineChart, { ...CHART, lines: [] });
  const colors = (): Set<string> => {
    const canvas = chart.renderRoot.querySelector("canvas");
    if (canvas === null) return new Set();
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    const pixels = Array.from({ length: data.length / 4 }, (_, i) => data.slice(4 * i, 4 * i + 4).join());
    return new Set(pixels);
  };
  await expect.poll(() => colors().has("11,100,168,255")).toBe(true); // --series-1
  document.documentElement.dataset.theme = "dark";
  dispatchEvent(new Event("themechange"));
  await expect.poll(() => colors().has("106,180,239,255")).toBe(true);
  expect(colors().has("11,100,168,255")).toBe(false);
  delete document.documentElement.dataset.theme;
});
