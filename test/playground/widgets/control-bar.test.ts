import { expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import type { RunClient } from "../../../playground/run/client.ts";
import { ControlBar } from "../../../playground/widgets/control-bar.ts";
import { mount } from "./mount.ts";

/** A run at step 20 of 100 that notes what it is asked for. */
function runIn(state: RunClient["state"]): { run: RunClient; asked: string[] } {
  const asked: string[] = [];
  const run = {
    state,
    step: 20,
    header: { options: { numSteps: 100 }, step: 0 },
    engine: "wasm, 2 threads",
    why: "the GPU's check failed",
    failure: state === "failed" ? "The training stopped: out of memory." : null,
    tokensPerSecond: 12_345.6,
    secondsLeft: 74.2,
    curve: { loss: (step: number) => step / 8 },
    call: async (method: string) => void asked.push(method),
  };
  return { run: run as unknown as RunClient, asked };
}

const enabled = (): string[] =>
  page
    .getByRole("button", { disabled: false })
    .elements()
    .map(({ textContent }) => textContent.trim());

test("says how far the training is, and how fast", async () => {
  await mount(ControlBar, { run: runIn("playing").run });
  for (const fact of [
    "step 20 of 100",
    "training loss 2.5000",
    "12,346 tokens/s",
    "1 min 15 s left",
    "wasm, 2 threads (the GPU's check failed)",
  ]) {
    await expect.element(page.getByText(fact, { exact: true })).toBeVisible();
  }
  await expect.element(page.getByRole("progressbar", { name: "Steps done" })).toHaveAttribute("value", "20");
});

test.each([
  ["playing", ["Pause", "Reset"], ["pause", "reset"]],
  ["paused", ["Play", "Step back", "Step forward", "Reset"], ["play", "stepBack", "stepForward", "reset"]],
  ["done", ["Step back", "Reset"], ["stepBack", "reset"]],
] as const)("a run that is %s has the buttons %o, each of which asks for its method", async (state, names, methods) => {
  const { run, asked } = runIn(state);
  await mount(ControlBar, { run });
  expect(enabled()).toEqual(names);
  for (const name of names) await userEvent.click(page.getByRole("button", { name }));
  expect(asked).toEqual(methods);
});

test("a failure is an alert", async () => {
  await mount(ControlBar, { run: runIn("failed").run });
  await expect.element(page.getByRole("alert")).toHaveTextContent("The training stopped: out of memory.");
});

test("without a run, nothing can be pressed", async () => {
  const { run, asked } = runIn("ready");
  const bar = await mount(ControlBar, { run: Object.assign(run, { header: null }) });
  bar.playOrPause();
  expect([enabled(), asked]).toEqual([[], []]);
});
