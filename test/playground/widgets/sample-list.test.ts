import { expect, test } from "vitest";
import { page } from "vitest/browser";
import { SampleList } from "../../../playground/widgets/sample-list.ts";
import { mount } from "./mount.ts";

test("marks each text by a word, not by a colour alone, and says what it resembles", async () => {
  await mount(SampleList, {
    label: "Names",
    samples: [
      { text: "emma", likeness: "copied", resembles: null },
      { text: "emmo", likeness: "near", resembles: "emma" },
      { text: "", likeness: "new", resembles: null },
    ],
  });
  const items = page.getByRole("list", { name: "Names" }).getByRole("listitem").elements();
  const texts = items.map((item) => Array.from(item.children, ({ textContent }) => textContent.trim()));
  expect(texts).toEqual([
    ["emma", "copied"],
    ["emmo", "near copy"],
    ["(empty)", "new"],
  ]);
  await expect.element(page.getByText("near copy")).toHaveAttribute("title", "resembles: emma");
  const colors = items.map(({ children: [, mark] }) => getComputedStyle(mark).color);
  expect(new Set(colors).size).toBe(3);
});
