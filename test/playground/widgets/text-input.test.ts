import { beforeEach, expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { TextInput } from "../../../playground/widgets/text-input.ts";
import { detailsOf, mount } from "./mount.ts";

let input: TextInput;
let texts: unknown[];
beforeEach(async () => {
  input = await mount(TextInput, { label: "Text to learn from", value: "abc", initial: "abc" });
  texts = detailsOf(input, "text");
});

const firstText = page.getByRole("button", { name: "The text of the beginning" });

test("takes a text when the visitor has stopped typing", async () => {
  const area = input.renderRoot.querySelector("textarea")!;
  for (const text of ["a", "ab", "abcd"]) {
    area.value = text;
    area.dispatchEvent(new InputEvent("input"));
  }
  expect(texts).toEqual([]);
  await expect.poll(() => texts).toEqual(["abcd"]);
  expect(input.value).toBe("abcd");
  await expect.element(page.getByText("4 characters.")).toBeVisible();
});

test("keeps what is being typed when its first text arrives late", async () => {
  const area = input.renderRoot.querySelector("textarea")!;
  area.value = "typed";
  area.dispatchEvent(new InputEvent("input"));
  input.value = "the first text";
  await input.updateComplete;
  expect(area.value).toBe("typed");
  await expect.poll(() => texts).toEqual(["typed"]);
  expect(input.value).toBe("typed");
});

test("brings the first text back, by a button that is there only where it would change something", async () => {
  expect(firstText.elements()).toHaveLength(0);
  input.value = "other";
  await userEvent.click(firstText);
  expect(texts).toEqual(["abc"]);
});

test("takes a file, and cuts one that is too long", async () => {
  const file = page.getByLabelText("or a text file");
  await userEvent.upload(file, new File(["from a file"], "own.txt", { type: "text/plain" }));
  await expect.element(page.getByText("11 characters. own.txt")).toBeVisible();
  await userEvent.upload(file, new File(["x".repeat(1_000_001)], "long.txt", { type: "text/plain" }));
  await expect.element(page.getByText("1,000,000 characters. long.txt The text was cut here.")).toBeVisible();
  expect(texts.map((text) => String(text).length)).toEqual([11, 1_000_000]);
});
