/** The disk fails at one call of a training, at every call in turn: what was saved stays, and a resume is exact. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { sharedWorkspace, workspace, writeWords } from "../setup/microgpt.ts";
import { EXTENT } from "../setup/place.ts";
import { expectAllWhole, fingerprint, isInstalled, leftovers, start, TRAINER } from "../setup/trainer.ts";
import type { Ended } from "../setup/trainer.ts";

const SYSCALLS = { tags: ["syscalls"], timeout: 1_800_000 };

const { ENOSPC, EIO, EMFILE, EACCES, EPERM } = constants.errno;
const { ESTALE, EDQUOT } = constants.errno;

/** What each call answers in turn: `npm run test:all` gives every call one of them, `npm run test:long` all. */
const FAULTS: Readonly<Record<string, readonly (number | "short")[]>> = {
  open: [EMFILE, EIO, ESTALE, EACCES],
  write: [ENOSPC, "short", EIO, EDQUOT],
  fsync: [EIO, ENOSPC],
  rename: [EIO, ENOSPC],
  link: [EIO, EPERM, ENOSPC],
  unlink: [EACCES, EIO],
  mkdir: [ENOSPC, EACCES],
};

/** `npm test` takes one try in so many. */
const STRIDE = 12;

const canInject = process.platform === "linux" && isInstalled("gcc");

let library: string | null = null;

/** The compiled injector.c. */
function injector(): string {
  if (library !== null) return library;
  library = join(sharedWorkspace(), "injector.so");
  const source = fileURLToPath(new URL("injector.c", import.meta.url));
  execFileSync("gcc", ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"]);
  return library;
}

interface Trial {
  readonly directory: string;
  readonly run: string;
  readonly args: readonly string[];
}

function trial(): Trial {
  const directory = workspace();
  const runs = join(directory, "runs");
  const steps = "--num-steps 6 --save-interval 2 --eval-interval 3 --keep 1".split(" ");
  const args = ["train", "--data", writeWords(directory), "--runs-dir", runs, "--name", "run", ...TRAINER, ...steps];
  return { directory, run: join(runs, "run"), args };
}

/** Runs a command with faults below the directory of runs, as injector.c describes them. */
async function disturbed({ directory }: Trial, args: readonly string[], faults: string): Promise<Ended> {
  const settings = { INJECT: faults, INJECT_PATH: join(directory, "runs"), INJECT_LOG: join(directory, "calls") };
  const assignments = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return await start(args, ["env", ...assignments, `LD_PRELOAD=${injector()}`]).ended;
}

/** A call of an undisturbed training: its name, its number among those of this name, and what it was for. */
interface Call {
  readonly name: string;
  readonly number: number;
  readonly path: string;
}

const callsOf = ({ directory }: Trial): Call[] =>
  readFileSync(join(directory, "calls"), "utf8")
    .trim()
    .split("\n")
    .map((line) => {
      const [, name, number, path] = /^(\w+) (\d+) (.*)$/.exec(line)!;
      return { name, number: Number(number), path };
    });

interface Undisturbed {
  readonly calls: readonly Call[];
  readonly files: Readonly<Record<string, string>>;
}

let known: Promise<Undisturbed> | null = null;
const undisturbed = async (): Promise<Undisturbed> => await (known ??= trainUndisturbed());

async function trainUndisturbed(): Promise<Undisturbed> {
  const calm = trial();
  expect((await disturbed(calm, calm.args, "")).exitCode).toBe(0);
  return { calls: callsOf(calm), files: comparable(calm.run) };
}

/** config.json names the data by its path, which is another in every trial. */
function comparable(run: string): Record<string, string> {
  const { "config.json": _config, ...files } = fingerprint(run);
  return files;
}

/** Sentences alone: what the machine refused, and what follows from it. */
const SENTENCE = /^microgpt: (?:warning: )?(?:cannot (?:read|write) |.* has |.*: ).+$/;

/** A training with faults, then what a user does: the same again, or `resume`. Returns the first one's end. */
async function survive(faults: string): Promise<Ended> {
  const { files } = await undisturbed();
  const one = trial();
  const { directory, run, args } = one;
  const first = await disturbed(one, args, faults);
  const lines = first.stderr.split("\n").slice(0, -1);
  expect({ faults, bad: lines.filter((line) => !SENTENCE.test(line)) }).toEqual({ faults, bad: [] });
  expect({ faults, end: first.signal ?? first.exitCode }).toEqual({ faults, end: expect.toBeOneOf([0, 1]) });
  if (first.exitCode === 0) expect({ faults, files: comparable(run) }).toEqual({ faults, files });
  else expect({ faults, lines: lines.length }).toEqual({ faults, lines: expect.toBeOneOf([1, 2]) });
  await expectAllWhole(run);
  const { exitCode, stderr } = await start(existsSync(run) ? ["resume", run] : args).ended;
  expect({ faults, exitCode, stderr }).toEqual({ faults, exitCode: 0, stderr: "" });
  expect({ faults, files: comparable(run) }).toEqual({ faults, files });
  expect({ faults, left: leftovers(directory) }).toEqual({ faults, left: [] });
  rmSync(directory, { recursive: true });
  return first;
}

function faultsOf({ name, number }: Call): string[] {
  const kinds = FAULTS[name];
  const chosen = EXTENT === "long" ? kinds : [kinds[number % kinds.length]];
  return chosen.map((kind) => `${name}:${kind}:${number}`);
}

describe.skipIf(!canInject)("a disk that fails once (skipped where gcc is missing)", () => {
  test(
    `at ${EXTENT === "quick" ? "some calls" : "every call"} of a training: it goes on or ends with a sentence, and resumes to the same bytes`,
    SYSCALLS,
    async () => {
      const { calls } = await undisturbed();
      const all = calls.flatMap(faultsOf);
      const tried = EXTENT === "quick" ? all.filter((_, i) => i % STRIDE === 0) : all;
      let [warned, ended] = [0, 0];
      for (const faults of tried) {
        const { exitCode, stderr } = await survive(faults);
        if (exitCode !== 0) ended++;
        else if (stderr !== "") warned++;
      }
      console.log(`${tried.length} faults: ${ended} ended the training, ${warned} were warnings`);
      expect(tried.length).toBeGreaterThan(EXTENT === "quick" ? 8 : 120);
      expect([warned > 0, ended > 0]).toEqual([true, true]);
    },
  );

  test("that writes half of what it is given, at every write: nothing is lost", SYSCALLS, async () => {
    const { calls } = await undisturbed();
    const writes = calls.filter(({ name }) => name === "write");
    for (const { number } of EXTENT === "quick" ? writes.slice(-2) : writes) {
      const { exitCode, stderr } = await survive(`write:short:${number}`);
      // (Node's own `writeFile`, for the lock, writes the rest, too.)
      expect({ number, exitCode, stderr }).toEqual({ number, exitCode: 0, stderr: "" });
    }
    expect(writes.length).toBeGreaterThan(12);
  });

  test("and that cannot take back what it wrote of some metrics: the next save writes over it", SYSCALLS, async () => {
    const { calls } = await undisturbed();
    const appends = calls.filter(({ name, path }) => name === "write" && path.endsWith("/metrics.jsonl"));
    for (const { number } of EXTENT === "quick" ? appends.slice(0, 1) : appends) {
      await survive(`write:short:${number},write:${ENOSPC}:${number + 1},ftruncate:${EIO}:1`);
    }
    expect(appends.length).toBeGreaterThan(2);
  });

  test.each([
    ["EMFILE", EMFILE],
    ["EIO", EIO],
    ["ESTALE", ESTALE],
  ])("a single %s from reading the lock does not end a training, nor warn", SYSCALLS, async (_name, code) => {
    const { calls } = await undisturbed();
    const reads = calls.filter(({ name, path }) => name === "open" && path.endsWith("/.lock"));
    expect(reads.length).toBeGreaterThan(10);
    for (const { number } of EXTENT === "quick" ? reads.filter((_, i) => i % 12 === 1) : reads) {
      const { exitCode, stderr } = await survive(`open:${code}:${number}`);
      expect({ number, exitCode, stderr }).toEqual({ number, exitCode: 0, stderr: "" });
    }
  });
});
