// `npm run test:bugs [WORD]`: puts the bugs of test/seeded-bugs/bugs.ts into a copy of the project, one at a time (only
// those whose name or file has the word), and runs the tests that the bug names, or those of its room, or of the engine. Each
// bug must compile and turn the tests red.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BUGS } from "../test/seeded-bugs/bugs.ts";

/** The tests of the arithmetic, relative to test/; the rest of the suite is about files, terminals and words. */
const TESTS = [
  "microgpt",
  "portable/",
  "tensor/",
  "training/schedule",
  "training/evaluations",
  "training/train",
  "training/dropout",
  "backend/wasm-threads",
];
/** The tests of other rooms. */
const ROOM_TESTS = {
  "src/text/": ["text/"],
  "src/node/": ["node/native"],
  "src/backend/native/": ["backend/native-threads", "portable/conformance", "portable/model", "portable/streams"],
  "src/library/": ["library/choose-engine", "library/native", "cli/native"],
};

/** Those of the native backend alone, and few shapes: C is compiled for each. */
const flagsOf = (tests) =>
  tests === ROOM_TESTS["src/backend/native/"] ? ["--mode", "test", "-t", "native"] : ["--mode", "full"];

const testsOf = ({ file, tests }) =>
  tests ?? Object.entries(ROOM_TESTS).find(([room]) => file.startsWith(room))?.[1] ?? TESTS;

const root = fileURLToPath(new URL("..", import.meta.url));
const copy = mkdtempSync(join(tmpdir(), "microgpt-bugs-"));
const bin = (name) => join(root, "node_modules", ".bin", name);

function makeCopy() {
  const left = new Set(["node_modules", ".git", "dist"]);
  cpSync(root, copy, { recursive: true, filter: (path) => !left.has(path.slice(root.length)) });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
}

/** → the name of the first test that failed; null if all passed. Throws if the tests could not run. */
function firstFailure(tests) {
  const report = join(copy, "report.json");
  rmSync(report, { force: true });
  // What `npm test` and `npm run test:all` run, but for the GPU in software: it takes minutes.
  const flags = ["run", ...flagsOf(tests), "--tags-filter", "!gpu", "--project", "node", "--bail", "1"];
  flags.push("--reporter", "json", "--outputFile", report);
  const { stderr } = spawnSync(bin("vitest"), [...flags, ...tests.map((name) => `test/${name}`)], {
    cwd: copy,
    encoding: "utf8",
  });
  let result;
  try {
    result = JSON.parse(readFileSync(report, "utf8"));
  } catch {
    throw new Error(`the tests did not run:\n${stderr}`);
  }
  const failed = result.testResults.flatMap(({ assertionResults }) => assertionResults);
  return failed.find(({ status }) => status === "failed")?.fullName ?? null;
}

/** A bug that does not compile would be found by the compiler, and prove nothing. */
function compiles() {
  return spawnSync(bin("tsc"), ["-p", "tsconfig.build.json", "--noEmit"], { cwd: copy }).status === 0;
}

try {
  makeCopy();
  const word = process.argv[2] ?? "";
  const bugs = BUGS.filter(({ name, file }) => name.includes(word) || file.includes(word));
  for (const tests of new Set(bugs.map(testsOf))) {
    if (firstFailure(tests) !== null) throw new Error("the tests fail without a bug");
  }
  let found = 0;
  for (const bug of bugs) {
    const { name, file, from, to } = bug;
    const path = join(copy, file);
    const source = readFileSync(path, "utf8");
    if (source.split(from).length !== 2) throw new Error(`${name}: its place is not in ${file}`);
    writeFileSync(
      path,
      source.replace(from, () => to),
    );
    const failure = compiles() ? firstFailure(testsOf(bug)) : null;
    if (failure !== null) found++;
    console.log(failure === null ? `NOT FOUND  ${name}` : `found      ${name}\n             by: ${failure}`);
    writeFileSync(path, source);
  }
  console.log(`\n${found} of ${bugs.length} seeded bugs turned the tests red`);
  process.exitCode = found === bugs.length ? 0 : 1;
} finally {
  rmSync(copy, { recursive: true });
}
