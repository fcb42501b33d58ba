import { beforeEach, expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import type { Inspection, RunHeader } from "../../../playground/run/protocol.ts";
import { TextAttention } from "../../../playground/widgets/text-attention.ts";
import { detailsOf, mount } from "./mount.ts";

const HEADER = { config: { blockSize: 8 }, options: { tokenizer: "char" } } as RunHeader;
const INSPECTION: Inspection = {
  text: "ab",
  ids: [9, 0, 1],
  tokens: ["<bos>", "a", "b"],
  attention: [[Float32Array.of(1, 0, 0, 0.5, 0.5, 0, 0.2, 0.3, 0.5)]],
  logits: new Float32Array(),
  losses: new Float32Array(),
};

let widget: TextAttention;
beforeEach(async () => {
  widget = await mount(TextAttention, { text: "ab", header: HEADER, inspection: INSPECTION });
});

const noteOf = (text: string, ids: number[]): Promise<void> => {
  Object.assign(widget, { text, inspection: { ...INSPECTION, ids } });
  return widget.updateComplete.then(() => {});
};

test("says how much of the text the model reads", async () => {
  await expect.element(page.getByText("The model reads 3 tokens.")).toBeVisible();
  await noteOf("aéb", [9, 0, 1]);
  await expect.element(page.getByText("The model reads 3 tokens; 1 that it never saw is dropped.")).toBeVisible();
  await noteOf(
    "abababababab",
    Array.from({ length: 8 }, () => 0),
  );
  await expect.element(page.getByText("The model reads 8 tokens, as many as it can.")).toBeVisible();
});

test("shows the attention of the last token, until another is chosen", async () => {
  expect(page.getByRole("radio", { checked: true }).element().textContent).toMatch(/^\s*b\s*50 %\s*$/);
  const chosen = detailsOf(widget, "choose");
  await userEvent.click(page.getByRole("radio").nth(1));
  expect(chosen).toEqual([1]);
});

test("tells of every change of the text", async () => {
  const texts = detailsOf(widget, "text");
  await userEvent.type(page.getByLabelText("Your text"), "c");
  expect(texts).toEqual(["abc"]);
});

test("without an answer shows none, and why", async () => {
  Object.assign(widget, { inspection: null, problem: "there is no training yet" });
  await expect.element(page.getByRole("alert")).toHaveTextContent("there is no training yet");
  expect(page.getByRole("radio").elements()).toEqual([]);
});
