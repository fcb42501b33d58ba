import { cpSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { workspace, writeWords } from "../setup/microgpt.ts";
import { byExtent, EXTENT } from "../setup/place.ts";
import { canTrace, expectAllWhole, fingerprint, leftovers, savedSteps, start, TRAINER } from "../setup/trainer.ts";

/** Two checkpoints and more are written and the oldest pruned: every kind of system call that a save makes. */
const ARGUMENTS = [
  "--name",
  "run",
  ...TRAINER,
  "--num-steps",
  "6",
  "--save-interval",
  "2",
  "--eval-interval",
  "3",
  "--keep",
  "1",
];

/** strace, which does `action` at the n-th call of a kind. Every call of ours is made by the main thread, synchronously. */
const strace = (call: string, action: string, n: number): string[] => [
  "strace",
  "-f",
  "-qq",
  "-o",
  "/dev/null",
  "-e",
  `trace=${call}`,
  "-e",
  `inject=${call}:${action}:when=${n}`,
];

const SYSCALLS = { tags: ["syscalls"], timeout: 900_000 };

interface Trial {
  readonly directory: string;
  readonly run: string;
  readonly args: string[];
}

function trial(): Trial {
  const directory = workspace();
  return {
    directory,
    run: join(directory, "run"),
    args: ["train", "--data", writeWords(directory), "--runs-dir", directory, ...ARGUMENTS],
  };
}

let known: Promise<Record<string, string>> | null = null;
const undisturbed = async (): Promise<Record<string, string>> => await (known ??= trainUndisturbed());

async function trainUndisturbed(): Promise<Record<string, string>> {
  const { run, args } = trial();
  expect((await start(args).ended).exitCode).toBe(0);
  return comparable(run);
}

/** config.json names the data by its path, which is another in every trial. */
function comparable(run: string): Record<string, string> {
  const { "config.json": _config, ...files } = fingerprint(run);
  return files;
}

/** A kind of call, the one that `npm test` disturbs (null: none of this kind), and what else a test takes. */
type Row<More> = readonly [call: string, one: number | null, more: More];

const chosen = <More>(rows: readonly Row<More>[]): readonly Row<More>[] =>
  EXTENT === "quick" ? rows.filter(([, one]) => one !== null) : rows;

/** The calls that are disturbed one after another: all up to the first that the training survives, or one in `stride`. */
function* turns(one: number | null, stride: number = 1): Generator<number> {
  if (EXTENT === "quick") yield one!;
  else for (let n = 1; ; n += stride) yield n;
}

const which = byExtent("one of them", "each in turn");

describe.skipIf(!canTrace)("with strace in the way (skipped where it is missing or may not trace)", () => {
  // There are hundreds of writes at the start of a process: every fifth is enough.
  test.each(
    chosen([
      ["fsync", 16, 1],
      ["rename", 7, 1],
      ["unlink", 2, 1],
      ["link", null, 1],
      ["mkdir", null, 1],
      ["ftruncate", null, 1],
      ["write", null, byExtent(1, 5, 1)],
      ["pwrite64", 2, 1],
    ]),
  )(`killed at %s (${which}), it resumes to the very same bytes`, SYSCALLS, async (call, one, stride) => {
    const expected = await undisturbed();
    let killed = 0;
    for (const n of turns(one, stride)) {
      const { directory, run, args } = trial();
      const { signal, exitCode } = await start(args, strace(call, "signal=SIGKILL", n)).ended;
      const survived = signal === null && exitCode === 0;
      if (!survived) killed++;
      await expectAllWhole(run);
      const { exitCode: again, stderr } = await start(existsSync(run) ? ["resume", run] : args).ended;
      expect({ n, again, stderr }).toEqual({ n, again: 0, stderr: "" });
      expect(comparable(run)).toEqual(expected);
      expect(leftovers(directory)).toEqual([]);
      rmSync(directory, { recursive: true });
      if (survived) break;
    }
    if (call !== "ftruncate") expect(killed).toBeGreaterThan(0);
    if (EXTENT !== "quick" && call === "fsync") expect(killed).toBeGreaterThan(10);
    if (EXTENT !== "quick" && call === "rename") expect(killed).toBeGreaterThan(5);
  });

  test.each(
    chosen([
      ["fsync", 16, "EIO"],
      ["rename", null, "EIO"],
      ["rename", 7, "ENOSPC"],
      ["unlink", null, "EACCES"],
      ["pwrite64", null, "ENOSPC"],
    ]),
  )(
    `where $0 fails with $2 (${which}), it goes on with a warning or ends with one line`,
    SYSCALLS,
    async (call, one, code) => {
      const expected = await undisturbed();
      let [warned, ended] = [0, 0];
      for (const n of turns(one)) {
        const { directory, run, args } = trial();
        const { exitCode, stderr } = await start(args, strace(call, `error=${code}`, n)).ended;
        const lines = stderr.split("\n").slice(0, -1);
        const oneLine = new RegExp(`^microgpt: (?:warning: )?cannot (?:write|read) \\S+: .*\\(${code}`);
        for (const line of lines) expect(line).toMatch(oneLine);
        await expectAllWhole(run);
        const temporary = leftovers(directory).filter((name) => !name.endsWith(".lock"));
        if (call !== "unlink") expect({ n, temporary }).toEqual({ n, temporary: [] });
        if (exitCode === 0) warned += lines.length;
        else ended += Number(exitCode === 1 && lines.length === 1);
        expect({ n, ended: exitCode === 0 || exitCode === 1 }).toEqual({ n, ended: true });
        // Where it went on, a failed save in the middle has changed nothing at the end; where it ended, it goes on now.
        if (exitCode === 0) expect(comparable(run)).toEqual(expected);
        const again = await start(existsSync(run) ? ["resume", run] : args).ended;
        expect({ n, again: again.exitCode, stderr: again.stderr }).toEqual({ n, again: 0, stderr: "" });
        expect(comparable(run)).toEqual(expected);
        expect(leftovers(directory)).toEqual([]);
        rmSync(directory, { recursive: true });
        if (exitCode === 0 && lines.length === 0 && n > 3) break;
      }
      expect(warned + ended).toBeGreaterThan(EXTENT === "quick" || call === "unlink" ? 0 : 1);
    },
  );

  // As `resume` meets the lock of a killed process, it takes it over: a kill in the middle of that must bar nobody.
  test.each(
    chosen([
      ["unlink", null, 1],
      ["link", 1, 1],
      ["rename", null, 1],
    ]),
  )(`a resume killed at %s (${which}) is resumed at once, to the very same bytes`, SYSCALLS, async (call, one) => {
    const expected = await undisturbed();
    const stopped = trial();
    await start(stopped.args, strace("fsync", "signal=SIGKILL", 15)).ended;
    expect(savedSteps(stopped.run)).toEqual([2]);
    let killed = 0;
    for (const n of turns(one)) {
      const run = join(stopped.directory, `copy-${n}`);
      cpSync(stopped.run, run, { recursive: true });
      const { signal } = await start(["resume", run], strace(call, "signal=SIGKILL", n)).ended;
      if (signal === null) break;
      killed++;
      const { exitCode, stderr } = await start(["resume", run]).ended;
      expect({ n, exitCode, stderr }).toEqual({ n, exitCode: 0, stderr: "" });
      expect(comparable(run)).toEqual(expected);
      expect(leftovers(run)).toEqual([]);
    }
    expect(killed).toBeGreaterThan(EXTENT === "quick" ? 0 : 1);
  });
});
