/**
 * The backend that runs programs as machine code: C for their exact shapes (`source.ts`), compiled by the machine's own
 * compiler, in f32 and with vectors as wide as the machine's. This file copies data in and out of the memory, and makes
 * one call per pass; everything in between, the update included, happens in C.
 */
import { adamNumbers } from "../../training/adam.ts";
import type { AdamNumbers } from "../../training/adam.ts";
import type { Backend, PackedTokens, ProgramOutput, RunOptions, Session } from "../../tensor/backend.ts";
import type { StepResult, Update } from "../../training/engine.ts";
import type { StepShare } from "../../training/ranks.ts";
import type { Buffer } from "../../tensor/instructions.ts";
import type { Layout } from "../../tensor/layout.ts";
import type { Program } from "../../tensor/program.ts";
import { SessionNumbers } from "../session-numbers.ts";
import { stepInPasses } from "../../tensor/stepping.ts";
import type { UpdatableSession } from "../../tensor/stepping.ts";
import type { CompileNative, NativeFunction, NativeLibrary } from "./library.ts";
import { COMMANDS, DOUBLES, INTEGERS, mapMemory, NATIVE_ALIGNMENT } from "./memory.ts";
import type { NativeMemoryMap } from "./memory.ts";
import { renderSource } from "./source.ts";
import { NativeUnavailable } from "./unavailable.ts";

/** Bytes of a number. */
const F32 = 4;
/** Bytes of a cache line, where the memory must start. */
const LINE = 64;

/** What a session is opened with. */
interface NativeOpening {
  readonly layout: Layout;
  readonly programs: readonly Program[];
  readonly map: NativeMemoryMap;
  /** A cache line more than the map needs, because it begins at one. */
  readonly memory: ArrayBuffer;
  readonly library: NativeLibrary;
  readonly threads: number;
}

class NativeSession implements Session, UpdatableSession {
  readonly name: string;
  readonly bytes: number;
  readonly #programs: readonly Program[];
  readonly #map: NativeMemoryMap;
  readonly #library: NativeLibrary;
  readonly #buffers: SessionNumbers;
  readonly #integers: Int32Array;
  readonly #doubles: Float64Array;
  readonly #call: NativeFunction;
  readonly #close: NativeFunction;
  readonly #session: number;
  #isClosed = false;

  /** Starts the session's threads. Throws NativeUnavailable if one cannot be started. */
  constructor({ layout, programs, map, memory, library, threads }: NativeOpening) {
    this.#programs = programs;
    this.#map = map;
    this.#library = library;
    const bits = 8 * F32 * library.func("int32_t lanes(void)")();
    const parts = ["native", library.compiler, `${bits} bits`, ...(threads === 1 ? [] : [`${threads} threads`])];
    this.name = parts.join(", ");
    this.bytes = map.size * F32;
    const start = library.func("int64_t to_line(void *memory)")(memory);
    const numbers = new Float32Array(memory, start, map.size);
    this.#buffers = new SessionNumbers(numbers, layout, programs, map);
    this.#integers = new Int32Array(memory, start, map.size);
    this.#doubles = new Float64Array(memory, start, Object.keys(DOUBLES).length + DOUBLES.lossScale);
    this.#call = library.func("void call_session(int64_t session)");
    this.#close = library.func("void close_session(int64_t session)");
    this.#session = library.func("int64_t open_session(void *memory, int32_t threads)")(numbers, threads);
    if (this.#session === 0) throw new NativeUnavailable(`the system did not start ${threads} threads`);
  }

  async run(program: Program, batch: PackedTokens, options: RunOptions): Promise<ProgramOutput> {
    const rows = this.#put(batch);
    this.#integers[INTEGERS.updates] = 0;
    this.#run(program, batch.documents.length - 1, options);
    return this.#buffers.result(program, options.firstRow, rows);
  }

  async step(
    program: Program,
    passes: Iterable<PackedTokens>,
    tokens: number,
    update: Update,
    share: StepShare | null,
  ): Promise<StepResult> {
    // Ranks sum the gradients between the passes and the update; alone, the last pass ends with the update, in one call.
    if (share !== null) return await stepInPasses(this, program, passes, tokens, update, share);
    const { dropoutSeed = 0 } = update;
    const doubles = this.#doubles;
    doubles[DOUBLES.tokens] = tokens;
    doubles[DOUBLES.clipNorm] = update.clipNorm ?? Infinity;
    this.#setAdam(adamNumbers(update, 0)); // C knows the norm, and clips; 0 never is
    let [lossSum, firstToken, accumulate] = [0, 0, false];
    const iterator = passes[Symbol.iterator]();
    for (let next = iterator.next(); next.done !== true;) {
      const { documents } = next.value;
      const rows = this.#put(next.value);
      const count = documents.length - 1;
      next = iterator.next(); // the last pass ends with the update
      this.#integers[INTEGERS.updates] = next.done === true ? 1 : 0;
      doubles[DOUBLES.lossBefore] = lossSum;
      this.#run(program, count, { firstRow: 0, lossScale: 1 / tokens, accumulate, dropoutSeed, firstToken });
      lossSum += doubles[DOUBLES.lossSum];
      firstToken += rows;
      accumulate = true;
    }
    return { loss: lossSum / tokens, applied: doubles[DOUBLES.applied] === 1 };
  }

  get gradients(): Float32Array {
    return this.#buffers.gradients;
  }

  async sumSquares(): Promise<number> {
    this.#command("square");
    return this.#doubles[DOUBLES.gradientSquares];
  }

  async update(_program: Program, adam: AdamNumbers): Promise<void> {
    this.#setAdam(adam);
    this.#doubles[DOUBLES.gradientScale] = adam.gradientScale;
    this.#command("update");
  }

  #setAdam(adam: AdamNumbers): void {
    const doubles = this.#doubles;
    doubles[DOUBLES.stepSize] = adam.stepSize;
    doubles[DOUBLES.squareScale] = adam.squareScale;
    doubles[DOUBLES.shrink] = adam.shrink;
    doubles[DOUBLES.beta1] = adam.beta1;
    doubles[DOUBLES.beta2] = adam.beta2;
    doubles[DOUBLES.epsilon] = adam.epsilon;
  }

  #command(name: keyof typeof COMMANDS): void {
    this.#integers[INTEGERS.command] = COMMANDS[name];
    this.#call(this.#session);
  }

  /** Copies the packed tokens of a pass; returns the number of rows. */
  #put({ tokens, targets, positions, documents }: PackedTokens): number {
    const rows = documents[documents.length - 1];
    const map = this.#map;
    copy(this.#integers, map.tokens, tokens, rows);
    copy(this.#integers, map.targets, targets, rows);
    copy(this.#integers, map.positions, positions, rows);
    copy(this.#integers, map.documents, documents, documents.length);
    return rows;
  }

  #run(program: Program, documents: number, options: RunOptions): void {
    const integers = this.#integers;
    integers[INTEGERS.program] = this.#programs.indexOf(program);
    integers[INTEGERS.documents] = documents;
    integers[INTEGERS.firstRow] = options.firstRow;
    integers[INTEGERS.accumulate] = options.accumulate ? 1 : 0;
    integers[INTEGERS.dropoutSeed] = options.dropoutSeed;
    integers[INTEGERS.firstToken] = options.firstToken;
    this.#doubles[DOUBLES.lossScale] = options.lossScale;
    this.#command("run");
    if (options.afterPhase !== undefined) for (const phase of program.phases.keys()) options.afterPhase(phase);
  }

  async read(buffer: Buffer, rows: number = Number(buffer.rows)): Promise<Float32Array> {
    return this.#buffers.read(buffer, rows);
  }

  async write(buffer: Buffer, data: ArrayLike<number>): Promise<void> {
    this.#buffers.write(buffer, data);
  }

  async weightsChanged(): Promise<void> {
    this.#command("pack");
  }

  close(): void {
    if (this.#isClosed) return; // as in WebAssembly, closing twice does no harm
    this.#isClosed = true;
    this.#close(this.#session);
    this.#library.close();
  }
}

/** Copies `count` integers. For a name's few tokens a loop is faster than a view. */
function copy(to: Int32Array, start: number, from: Int32Array, count: number): void {
  if (count > 64) to.set(from.subarray(0, count), start);
  else for (let i = 0; i < count; i++) to[start + i] = from[i];
}

/** Options of the backend. */
export interface NativeOptions {
  /** Number of threads, the calling one included. */
  readonly threads: number;
  /** Compiles and loads the source. */
  readonly compile: CompileNative;
}

/**
 * The native backend. `open` rejects as `compile` does, with NativeUnavailable if a thread can't be started, and with
 * RangeError if the memory can't be allocated.
 *
 * @example
 * const backend = nativeBackend({ threads: 1, compile });
 * const engine = await TensorEngine.create(backend, config, { maxTokens: 1024 });
 */
export function nativeBackend({ threads, compile }: NativeOptions): Backend {
  return {
    kind: "native",
    name: `native${threads === 1 ? "" : `, ${threads} threads`}`,
    ...NATIVE_ALIGNMENT,
    async open(layout, programs) {
      const map = mapMemory(layout, programs, threads);
      const memory = new ArrayBuffer(map.size * F32 + LINE); // first: what does not fit is not compiled
      const library = await compile(renderSource(layout, programs, map));
      try {
        return new NativeSession({ layout, programs, map, memory, library, threads });
      } catch (error) {
        library.close();
        throw error;
      }
    },
  };
}
