/**
 * What is slow by nature, by vitest's tags: `npm test` leaves it out or runs a short form, `npm run test:all` runs it in
 * full. At the end of each a reporter prints what it left out, and why.
 */
import { writeFileSync } from "node:fs";
import type { Reporter, SerializedError, TestCase, TestModule, Vitest } from "vitest/node";
import type { Extent } from "./place.ts";

interface Slow {
  /** Why it takes long. */
  readonly why: string;
  /** What `npm test` runs of it; null: nothing. */
  readonly short: string | null;
}

/** A test has at most one of these tags. */
export const SLOW: Readonly<Record<string, Slow>> = {
  gpu: { why: "SwiftShader, a GPU in software, compiles the kernels of a model for seconds", short: null },
  browser: { why: "Chromium opens a page for each test", short: null },
  slurm: { why: "the scheduler of a real Slurm cluster starts jobs at intervals of seconds", short: null },
  commands: { why: "trainings that differ in one option from one that is tested", short: null },
  documents: { why: "the commands of all documents, most of them trainings", short: null },
  compilers: { why: "C is compiled for each shape again, by other compilers and for other vectors", short: null },
  clock: { why: "time limits, which are waited for", short: null },
  kills: { why: "every kill takes two processes", short: "a few kills" },
  syscalls: { why: "a training is killed, or fails, at each of its system calls", short: "a tenth of the calls" },
  damage: { why: "every bit of a file is flipped", short: "a bit here and there" },
  cases: { why: "laws are tried on many cases", short: "a fifth of them" },
  large: { why: "texts, pages and models of many megabytes", short: "smaller ones" },
};

const TAGS = Object.keys(SLOW);
const LEFT_OUT = TAGS.filter((tag) => SLOW[tag].short === null);
const SHORT = TAGS.filter((tag) => SLOW[tag].short !== null);

/** What a vitest mode runs, and on which scale. */
export interface Mode {
  readonly script: string;
  readonly extent: Extent;
  /** The tags expression that selects the tests in Node; null: all. Browsers run all of theirs. */
  readonly filter: string | null;
}

/** By vitest's `--mode`. */
export const MODES: Readonly<Record<string, Mode>> = {
  test: { script: "npm test", extent: "quick", filter: `!(${LEFT_OUT.join(" or ")})` },
  all: { script: "npm run test:all", extent: "full", filter: TAGS.join(" or ") },
  long: { script: "npm run test:long", extent: "long", filter: null },
  clients: { script: "npm run test:clients", extent: "full", filter: null },
  // What the first two run together.
  full: { script: "npm run test:bugs", extent: "full", filter: null },
};

function groupBy(tests: readonly TestCase[], key: (test: TestCase) => string): [string, number][] {
  const counts = new Map<string, number>();
  for (const test of tests) counts.set(key(test), (counts.get(key(test)) ?? 0) + 1);
  return [...counts];
}

/** A title, and below it a line for each group; nothing if there is no group. */
function listing(title: string, groups: readonly (readonly [string, number])[]): string {
  const lines = groups.map(
    ([text, count]) => `${String(count).padStart(7)} ${count === 1 ? "test: " : "tests:"} ${text}\n`,
  );
  return lines.length === 0 ? "" : `\n ${title}\n${lines.join("")}`;
}

/** Why a test can't run on this machine: what its name says of it, or its name. */
function reason({ fullName }: TestCase): string {
  const [, skipped] = /\((?:skipped )?((?:as|no|where) [^()]*)\)/.exec(fullName) ?? [];
  return skipped ?? /no (?:WebGPU adapter|shader-f16) [^>]*/.exec(fullName)?.[0] ?? fullName;
}

/** A line for each failed test, for each file that failed outside its tests, and for each error outside of all files. */
function failuresOf(modules: readonly TestModule[], unhandled: readonly SerializedError[]): string[] {
  const line = (where: string, errors: readonly { message: string }[]): string =>
    `${where}: ${(errors[0]?.message ?? "failed").replace(/\s+/g, " ").slice(0, 300)}`;
  return [
    ...modules.flatMap((module) => [
      ...[...module.children.allTests("failed")].map((test) =>
        line(`${module.relativeModuleId} > ${test.fullName}`, test.result().errors ?? []),
      ),
      ...(module.errors().length === 0 ? [] : [line(module.relativeModuleId, module.errors())]),
    ]),
    ...unhandled.map((error) => line("outside of all tests", [error])),
  ];
}

/**
 * Prints at the end what a run left out. `MICROGPT_TEST_COUNTS` names a file that gets, for `.ci/run`, three numbers (tests
 * that passed, tests that failed, and tests that this machine can't run), then a line for each failure.
 */
export class LeftOut implements Reporter {
  readonly #mode: Mode;
  /** What vitest knows nothing of, a line each. */
  readonly #unseen: readonly string[];
  #isPattern = false;

  constructor(mode: Mode, unseen: readonly string[]) {
    this.#mode = mode;
    this.#unseen = unseen;
  }

  onInit(vitest: Vitest): void {
    this.#isPattern = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const inState = (state: "passed" | "failed" | "skipped"): TestCase[] =>
      tests.filter((test) => test.result().state === state);
    const skipped = inState("skipped");
    const { extent, script } = this.#mode;
    const has = (test: TestCase, names: readonly string[]): boolean => test.tags.some((tag) => names.includes(tag));
    const left = extent === "quick" ? skipped.filter((test) => has(test, LEFT_OUT)) : [];
    const short = extent === "quick" ? tests.filter((test) => has(test, SHORT)) : [];
    const done = skipped.filter(
      ({ tags, project }) => script === MODES.all.script && tags.length === 0 && project.name === "node",
    );
    const missing = skipped.filter((test) => !left.includes(test) && !done.includes(test));
    if (process.env.MICROGPT_TEST_COUNTS !== undefined) {
      const counts = [inState("passed"), inState("failed"), missing].map(({ length }) => length);
      const failures = failuresOf(modules, unhandled);
      writeFileSync(process.env.MICROGPT_TEST_COUNTS, `${[counts.join(" "), ...failures].join("\n")}\n`);
    }
    if (this.#isPattern) return; // whoever names tests has left the others out
    const why = ({ tags: [tag] }: TestCase): string => `${tag}: ${SLOW[tag].why}`;
    const what = (test: TestCase): string => `${why(test)}; here ${SLOW[test.tags[0]].short}`;
    process.stdout.write(
      listing(`${script} left these to npm run test:all:`, groupBy(left, why)) +
        listing(`${script} ran a short form of these; npm run test:all has the rest:`, groupBy(short, what)) +
        listing(
          `${script} left these to npm test:`,
          groupBy(done, () => "all that is quick"),
        ) +
        listing("This machine lacks something for these:", groupBy(missing, reason)) +
        this.#unseen.map((line) => `\n ${line}\n`).join("") +
        "\n",
    );
  }
}
