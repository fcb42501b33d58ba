/** The native tests once more, each time by another compiler or for other vectors, in a vitest of their own. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { LONG } from "../setup/place.ts";

interface Compiler {
  readonly compiler: string;
  readonly what: string;
  readonly flags: string;
  /** The vitest mode, which says how many shapes. */
  readonly mode: "test" | "full";
  readonly sanitizers?: readonly string[];
}

const NARROW: readonly Compiler[] = [
  { compiler: "gcc", what: "and vectors of 256 bits", flags: "-mno-avx512f", mode: "test" },
  { compiler: "gcc", what: "and vectors of 128 bits", flags: "-mno-avx", mode: "test" },
];
const MANY: readonly Compiler[] = [
  { compiler: "gcc", what: "at all shapes", flags: "", mode: "full" },
  { compiler: "clang", what: "at all shapes", flags: "", mode: "full" },
  { compiler: "clang", what: "and vectors of 256 bits", flags: "-mno-avx512f", mode: "test" },
  {
    compiler: "gcc",
    what: "and sanitizers",
    flags: "-fsanitize=address,undefined -fno-sanitize-recover=all -O1 -g",
    mode: "test",
    sanitizers: ["asan", "ubsan"],
  },
];

const root = fileURLToPath(new URL("../..", import.meta.url));
const TESTS = ["test/backend/native-threads.test.ts", "test/portable"];
const VITEST = ["run", "--project", "node", "--testTimeout", "7200000", "-t", "native", ...TESTS];

const isMissing = ({ compiler }: Compiler): boolean => spawnSync(compiler, ["--version"]).status !== 0;

/** Sanitizers must be in the process before Node is. What leaks is Node's. */
function sanitizerEnv({ sanitizers = [] }: Compiler): Record<string, string> {
  if (sanitizers.length === 0) return {};
  const paths = sanitizers.map((name) => spawnSync("gcc", [`-print-file-name=lib${name}.so`], { encoding: "utf8" }));
  return { LD_PRELOAD: paths.map(({ stdout }) => stdout.trim()).join(" "), ASAN_OPTIONS: "detect_leaks=0" };
}

for (const each of LONG ? [...NARROW, ...MANY] : NARROW) {
  test.skipIf(isMissing(each))(
    `the native tests pass with ${each.compiler} ${each.what} (skipped where there is no ${each.compiler})`,
    { tags: ["compilers"], timeout: 6 * 3600_000 },
    () => {
      const { VITEST: _, ...env } = process.env;
      const { status, stdout, stderr } = spawnSync("node_modules/.bin/vitest", [...VITEST, "--mode", each.mode], {
        cwd: root,
        env: { ...env, MICROGPT_CC: each.compiler, MICROGPT_TEST_CFLAGS: each.flags, ...sanitizerEnv(each) },
        encoding: "utf8",
      });
      const passed = Number(/Tests .*?(\d+) passed/.exec(stdout.replace(/\x1b\[\d*m/g, ""))?.[1] ?? 0);
      expect({ status, output: stdout + stderr }).toMatchObject({ status: 0 });
      expect(passed).toBeGreaterThan(20);
    },
  );
}
