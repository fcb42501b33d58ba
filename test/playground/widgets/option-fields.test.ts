import { beforeEach, expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { OptionFields } from "../../../playground/widgets/option-fields.ts";
import { detailsOf, mount } from "./mount.ts";

let fields: OptionFields;
let changes: unknown[];
beforeEach(async () => {
  fields = await mount(OptionFields, {
    keys: ["numSteps", "tokenizer", "strictMath", "clipNorm"],
    values: { numSteps: 20 },
  });
  changes = detailsOf(fields, "change");
});

test("shows the values, and the defaults of the others", async () => {
  await expect.element(page.getByLabelText(/num-steps/)).toHaveValue("20");
  await expect.element(page.getByLabelText(/tokenizer/)).toHaveValue("char");
  await expect.element(page.getByLabelText(/strict-math/)).not.toBeChecked();
  await expect.element(page.getByLabelText(/clip-norm/)).toHaveAttribute("placeholder", "default");
});

test("says what the option with the focus does, below the fields", async () => {
  const help = (): string => fields.renderRoot.querySelector(".help")!.textContent.trim();
  expect(help()).toBe("");
  await userEvent.keyboard("{Tab}{Tab}");
  await expect.poll(help).toMatch(/^tokenizer: how text becomes tokens/);
});

test("takes what is typed, chosen and ticked; a value that is the default is not listed", async () => {
  await userEvent.fill(page.getByLabelText(/clip-norm/), " 1.5 ");
  await userEvent.keyboard("{Tab}");
  await userEvent.selectOptions(page.getByLabelText(/tokenizer/), "bpe");
  await userEvent.click(page.getByLabelText(/strict-math/));
  expect(fields.values).toEqual({ numSteps: 20, clipNorm: 1.5, tokenizer: "bpe", strictMath: true });
  await userEvent.fill(page.getByLabelText(/num-steps/), "1000");
  await userEvent.keyboard("{Tab}");
  await userEvent.click(page.getByLabelText(/strict-math/));
  expect(fields.values).toEqual({ clipNorm: 1.5, tokenizer: "bpe" });
  expect(changes).toHaveLength(5);
});

test("explains a wrong value below its field, and keeps the former one", async () => {
  await userEvent.fill(page.getByLabelText(/num-steps/), "many");
  await userEvent.keyboard("{Tab}");
  await expect.poll(() => page.getByRole("alert").element().textContent).toMatch(/^num-steps: expected a whole number/);
  expect(fields.values).toEqual({ numSteps: 20 });
  await userEvent.fill(page.getByLabelText(/num-steps/), "30");
  await userEvent.keyboard("{Tab}");
  await expect.poll(() => page.getByRole("alert").elements()).toHaveLength(0);
  expect(fields.values).toEqual({ numSteps: 30 });
});
