import { expect, test } from "vitest";
import { page } from "vitest/browser";
import { SourceView } from "../../../playground/widgets/source-view.ts";
import { mount } from "./mount.ts";

const TEXT = Array.from({ length: 200 }, (_, i) => (i % 10 === 0 ? `  // part ${i}` : `let x${i} = ${i};`)).join("\n");

test("shows every line with its number, comments apart, and lights one", async () => {
  const view = await mount(SourceView, { text: `${TEXT}\n`, line: 2, name: "microgpt.ts" });
  const lines = [...view.renderRoot.querySelectorAll("li")];
  expect(lines).toHaveLength(200);
  expect(Array.from(lines[10].children, ({ textContent }) => textContent)).toEqual(["11", "  // part 10"]);
  expect(view.renderRoot.querySelectorAll(".comment")).toHaveLength(20);
  expect(lines.map((line) => line.getAttribute("aria-current")).indexOf("step")).toBe(1);
  await expect.element(page.getByRole("region", { name: "microgpt.ts" })).toBeVisible();
});

test("scrolls its box to the lit line, and never the page", async () => {
  const view = await mount(SourceView, { text: TEXT, line: 1 });
  const box = view.renderRoot.querySelector<HTMLElement>(".scroll")!;
  box.style.height = "200px";
  view.line = 150;
  await view.updateComplete;
  const [outer, lit] = [box, view.renderRoot.querySelector("[aria-current]")!].map((one) =>
    one.getBoundingClientRect(),
  );
  expect(lit.top).toBeGreaterThan(outer.top);
  expect(lit.bottom).toBeLessThan(outer.bottom);
  expect(scrollY).toBe(0);
});
