/** Bugs of choosing an engine: whatever is chosen trains, so only speed, bits or a later resume would tell. */
import type { Bug } from "./bug.ts";

export const CHOICE_BUGS: readonly Bug[] = [
  {
    name: "strict arithmetic is compiled",
    file: "src/library/choose-engine.ts",
    from: "native === null || options.strictMath ||",
    to: "native === null ||",
  },
  {
    name: "a budget of tokens counts as steps",
    file: "src/library/choose-engine.ts",
    from: "(tokens ?? numSteps * batchSize * accumulate * blockSize)",
    to: "((tokens ?? numSteps) * batchSize * accumulate * blockSize)",
  },
  {
    name: "a run that fell back remembers the engine that it did not have",
    file: "src/library/start.ts",
    from: "...opened, keepC",
    to: "...chosen, keepC",
  },
  {
    name: "sampling waits for a compiler",
    file: "src/library/engines.ts",
    from: 'options.engine === "atomic" || (usesGpu && options.engine === "webgpu") ? options.engine : "wasm"',
    to: 'options.engine === "webgpu" && !usesGpu ? "wasm" : options.engine',
  },
  {
    name: "a compiler that fails ends the training",
    file: "src/library/engines.ts",
    from: "if (error instanceof NativeUnavailable) return error.message;",
    to: 'if (error instanceof NativeUnavailable && !error.message.includes("; see ")) return error.message;',
  },
];
