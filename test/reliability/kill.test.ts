import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Random } from "../../src/random.ts";
import { workspace, writeWords } from "../setup/microgpt.ts";
import { expectAllWhole, fingerprint, leftovers, savedSteps, start, TRAINER, until } from "../setup/trainer.ts";

const KILLS = process.env.MICROGPT_LONG === undefined ? 100 : 1000;
const SEED = process.env.MICROGPT_LONG === undefined ? 9 : Date.now();

test(
  `${KILLS} kills at random moments of a training that saves every other step lose nothing (seed ${SEED})`,
  { timeout: 1_800_000 },
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
      for (let done = false; !done;) {
        const trainer = start(existsSync(run) ? ["resume", run] : train(`victim-${victim}`));
        // A tenth of the kills may hit the start of the process, the others come once it says that it trains.
        let ended = false;
        void trainer.ended.then(() => (ended = true));
        if (random.randbelow(10) > 0) await until("it trains", () => ended || trainer.output().includes("\nrun "));
        await sleep(5 + random.randbelow(295));
        const acknowledged = savedSteps(run).at(-1) ?? 0;
        if (kills < KILLS) trainer.kill("SIGKILL");
        const { exitCode, signal, stderr } = await trainer.ended;
        expect(stderr).toBe("");
        await expectAllWhole(run);
        expect(savedSteps(run).at(-1) ?? 0).toBeGreaterThanOrEqual(acknowledged);
        if (signal === "SIGKILL") kills++;
        else expect(exitCode).toBe(0);
        done = signal === null;
      }
      expect(fingerprint(run)).toEqual(expected);
      finished++;
    }
    expect(finished).toBeGreaterThan(3);
    expect(leftovers(directory)).toEqual([]);
  },
);
