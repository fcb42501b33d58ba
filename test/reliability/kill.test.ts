import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Random } from "../../src/random.ts";
import { workspace, writeWords } from "../setup/microgpt.ts";
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
      for (let done = false; !done;) {
        const trainer = start(existsSync(run) ? ["resume", run] : train(`victim-${victim}`));
        let ended = false;
        void trainer.ended.then(() => (ended = true));
        // A tenth of the kills hit the start of the process, the others come as soon as it has saved some steps more.
        const before = savedSteps(run).at(-1) ?? 0;
        const saves = random.randbelow(60);
        if (random.randbelow(10) === 0) await sleep(random.randbelow(300));
        else await until("it saves", () => ended || (savedSteps(run).at(-1) ?? 0) >= before + 2 * saves);
        await sleep(random.randbelow(10));
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
    expect(finished).toBeGreaterThanOrEqual(byExtent(1, 4, 40));
    expect(leftovers(directory)).toEqual([]);
  },
);
