/** Bugs of finding the C compiler and of keeping what it made: all that is compiled works until a day when it does not. */
import type { Bug } from "./bug.ts";

export const COMPILER_BUGS: readonly Bug[] = [
  {
    name: "a library is loaded whose bytes are not those of its name",
    file: "src/node/native-cache.ts",
    from: "bytes !== null && name === libraryName(key, bytes)",
    to: 'bytes !== null && name !== libraryName("", bytes)',
  },
  {
    name: "a library of another group is loaded",
    file: "src/node/native-cache.ts",
    from: "(status.mode & 0o022) === 0",
    to: "(status.mode & 0o002) === 0",
  },
  {
    name: "each waiting process compiles, too",
    file: "src/node/native.ts",
    from: 'lock !== "held" || performance.now() > deadline',
    to: 'lock !== "held" || performance.now() < deadline',
  },
  {
    name: "what another CPU can do is not in the key",
    file: "src/node/native-compiler.ts",
    from: "path, size, mtimeMs, macros.stdout]",
    to: "path, size, mtimeMs]",
  },
  {
    name: "the flags are not in the key",
    file: "src/node/native.ts",
    from: "[CACHE_VERSION, compiler, flags, TUNINGS, cpu]",
    to: "[CACHE_VERSION, compiler, flags.length > 0, TUNINGS, cpu]",
  },
  {
    name: "what a hanging compiler has started lives on",
    file: "src/node/limited-process.ts",
    from: 'process.kill(-pid, "SIGKILL")',
    to: 'process.kill(pid, "SIGKILL")',
  },
];
