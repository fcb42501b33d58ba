// Which sizes learn most in a given time: the study behind docs/sizing.md. Hours; it may be stopped and goes on where it was.
import { fileURLToPath } from "node:url";
import { TEXT_NAMES } from "./sizing/texts.mjs";
import { study } from "./sizing/study.mjs";

const BUDGETS = [10, 60, 300, 1200];

export async function run() {
  const list = (name, all) => process.env[name]?.split(",") ?? all;
  const directory = process.env.MICROGPT_SIZING ?? fileURLToPath(new URL("../sizing-study", import.meta.url));
  await study(list("MICROGPT_BENCH", TEXT_NAMES), list("MICROGPT_BUDGETS", BUDGETS).map(Number), directory);
}
