import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Random } from "../../src/random.ts";
import { trained, workspace, writeWords } from "../setup/microgpt.ts";
import { byExtent, LONG } from "../setup/place.ts";
import { expectAllWhole, fingerprint, leftovers, savedSteps, start, TRAINER, until } from "../setup/trainer.ts";

const KILLS = byExtent(5, 100, 1000);
const SEED = LONG ? Date.now() : 9;

test(
  `${KILLS} kills at random moments of a training that saves every other step lose nothing (seed ${SEED})`,
  { tags: ["kills"], timeout: 1_800_000 },
  async () => {
    const directory = workspace();
    const random = new Random(SEED);
    const options = ["--data", writeWords(directory), "--runs-dir", directory, ...TRAINER];
    const every = ["--num-steps", "240", "--save-interval", "2", "--eval-interval", "6"];
    const train = (name: string): string[] => ["train", ...options, ...every, "--name", name];
    expect((await start(train("undisturbed")).ended).exitCode).toBe(0);
    const expected = fingerprint(join(directory, "undisturbed"));

    let [kills, finished] = [0, 0];
    for (let victim = 0; kills < KILLS; victim++) {
      const run = join(directory, `victim-${victim}`);
      const command = (): string[] => (existsSync(run) ? ["resume", run] : train(`victim-${victim}`));
      kills += await killed(run, command, random, KILLS - kills);
      expect(fingerprint(run)).toEqual(expected);
      finished++;
    }
    expect(finished).toBeGreaterThanOrEqual(byExtent(1, 4, 40));
    expect(leftovers(directory)).toEqual([]);
  },
);

test(
  `${KILLS} kills at random moments of a training that is being extended (seed ${SEED})`,
  { tags: ["kills"], timeout: 1_800_000 },
  async () => {
    const { directory, run: original } = trained("--save-interval", "2");
    const random = new Random(SEED);
    const extend = (run: string): string[] => ["resume", run, "--num-steps", "240"];
    const copied = (name: string): string => {
      const run = join(directory, name);
      cpSync(original, run, { recursive: true, preserveTimestamps: true });
      return run;
    };
    const undisturbed = copied("undisturbed");
    expect((await start(extend(undisturbed)).ended).exitCode).toBe(0);
    const expected = fingerprint(undisturbed);
    for (let [victim, kills] = [0, 0]; kills < KILLS; victim++) {
      const run = copied(`victim-${victim}`);
      kills += await killed(run, () => extend(run), random, KILLS - kills);
      expect(fingerprint(run)).toEqual(expected);
    }
    expect(leftovers(directory)).toEqual([]);
  },
);

/** Kills the command at random moments, at most so often, and starts it again until it ends. Resolves to the kills. */
async function killed(run: string, command: () => string[], random: Random, most: number): Promise<number> {
  for (let kills = 0; ;) {
    const trainer = start(command());
    let ended = false;
    void trainer.ended.then(() => (ended = true));
    // A tenth of the kills hit the start of the process, the others come as soon as it has saved some steps more.
    const before = savedSteps(run).at(-1) ?? 0;
    const saves = random.randbelow(60);
    if (random.randbelow(10) === 0) await sleep(random.randbelow(300));
    else await until("it saves", () => ended || (savedSteps(run).at(-1) ?? 0) >= before + 2 * saves);
    await sleep(random.randbelow(10));
    const acknowledged = savedSteps(run).at(-1) ?? 0;
    if (kills < most) trainer.kill("SIGKILL");
    const { exitCode, signal, stderr } = await trainer.ended;
    expect(stderr).toBe("");
    await expectAllWhole(run);
    expect(savedSteps(run).at(-1) ?? 0).toBeGreaterThanOrEqual(acknowledged);
    if (signal === "SIGKILL") kills++;
    else expect(exitCode).toBe(0);
    if (signal === null) return kills;
  }
}
