import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { Player } from "../../../playground/widgets/player.ts";
import { detailsOf, mount } from "./mount.ts";

let player: Player;
let positions: unknown[];
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  player = await mount(Player, { length: 12, position: 3, where: "line 7" });
  positions = detailsOf(player, "position");
});
afterEach(() => void vi.useRealTimers());

/** By keyboard: while vitest waits for a click, it lets the fake time pass. */
const press = async (name: string): Promise<void> => {
  page.getByRole("button", { name }).element().focus();
  await userEvent.keyboard("{Enter}");
};

test("says where it is", async () => {
  const slider = page.getByRole("slider", { name: "Position" });
  await expect.element(slider).toHaveAttribute("aria-valuetext", "line 7");
  await expect.element(slider).toHaveValue("3");
  await expect.element(page.getByText("4 of 12")).toBeVisible();
});

test("plays four stops per second to the end, where it rests", async () => {
  await press("Play");
  vi.advanceTimersByTime(1000);
  expect(positions).toEqual([4, 5, 6, 7]);
  vi.advanceTimersByTime(5000);
  expect([positions.at(-1), player.isPlaying]).toEqual([11, false]);
  await expect.element(page.getByRole("button", { name: "One stop forward" })).toBeDisabled();
});

test("from the end, plays from the start; pauses where it is", async () => {
  player.position = 11;
  await press("Play");
  vi.advanceTimersByTime(500);
  await press("Pause");
  vi.advanceTimersByTime(5000);
  expect(positions).toEqual([0, 1, 2]);
});

test("at another speed, skips stops instead of frames", async () => {
  await userEvent.selectOptions(page.getByRole("combobox", { name: "Speed" }), "60 per second");
  await press("Play");
  vi.advanceTimersByTime(100);
  expect(positions).toEqual([6, 9]);
});

test("a step and the slider pause it", async () => {
  await press("Play");
  await press("One stop back");
  expect([positions, player.isPlaying]).toEqual([[2], false]);
  await press("Play");
  await userEvent.keyboard("{Tab}{Tab}{Tab}{End}");
  expect([positions.at(-1), player.isPlaying]).toEqual([11, false]);
});

test("that leaves the page stops", async () => {
  await press("Play");
  player.remove();
  vi.advanceTimersByTime(5000);
  expect([positions, player.isPlaying]).toEqual([[], false]);
});
