/**
 * C source → a library of this process: compiled by the machine's compiler, once for all processes and starts, and loaded by
 * koffi. A start that finds the library in the cache starts no other process.
 */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { COMPILER_FLAGS } from "../backend/native/library.ts";
import type { CompileNative, NativeLibrary } from "../backend/native/library.ts";
import { NativeUnavailable } from "../backend/native/unavailable.ts";
import { InputError, showPath } from "../errors.ts";
import { cpuFeatures } from "./cpu-features.ts";
import { removeIfPossible, writeError } from "./files.ts";
import { openLibrary } from "./koffi.ts";
import type { Koffi } from "./koffi.ts";
import { NativeCache } from "./native-cache.ts";
import type { Failures } from "./native-cache.ts";
import { compile, CompilerError, findCompiler, identify, TUNINGS } from "./native-compiler.ts";
import type { BuildDirectory, Compiler, CompilerIdentity } from "./native-compiler.ts";
import { findKoffi } from "./native-needs.ts";
import { sha256 } from "./sha256.ts";
import { userCache } from "./user-cache.ts";
import { inWorkDirectory, keepTemporarily } from "./work-directory.ts";

/** Part of every key: entries of another version of this program are not found. */
const CACHE_VERSION = "1";
/** Milliseconds between polls for a library that another process compiles: the first, doubled each time up to the last. */
const [FIRST_POLL_MS, LAST_POLL_MS] = [20, 200];

/** What a native compiler works with; the defaults are those of the command. */
export interface NativeSettings {
  /** Where libraries are kept. Default: `native` in this program's directory of the user's cache. */
  readonly directory: string;
  /** The environment: PATH and MICROGPT_CC name the compiler, which gets the rest. Default: this process's. */
  readonly env: NodeJS.ProcessEnv;
  /** What the source asks of the compiler; others, for example, to look for errors. Default: `COMPILER_FLAGS`. */
  readonly flags: readonly string[];
  /** Milliseconds after which a compiler is killed. */
  readonly limitMs: number;
  /** Milliseconds to wait for another process that compiles the same; after that, both do. */
  readonly waitMs: number;
  /** As `cpuFeatures`. */
  readonly cpu: string;
  /** Hears, in one sentence, why the cache is not used. */
  readonly warn: (message: string) => void;
}

/** A function that compiles and loads C. It rejects with `NativeUnavailable` where this machine cannot. */
export function nativeCompiler(settings: Partial<NativeSettings> & Pick<NativeSettings, "warn">): CompileNative {
  const all: NativeSettings = {
    directory: userCache("native"),
    env: process.env,
    flags: COMPILER_FLAGS,
    limitMs: 10_000,
    waitMs: 12_000,
    cpu: cpuFeatures(),
    ...settings,
    warn: once(settings.warn),
  };
  return async (source) => {
    const koffi = findKoffi();
    return await new NativeBuild(source, koffi, findCompiler(all.env), all).library();
  };
}

/** One source on its way to a library. */
class NativeBuild {
  readonly #source: string;
  readonly #koffi: Koffi;
  readonly #compiler: Compiler;
  /** Key, in the cache, of what the compiler makes: of its file, all flags that it may get, and the CPU. */
  readonly #compilerKey: string;
  readonly #settings: NativeSettings;
  readonly #cache: NativeCache | null;

  constructor(source: string, koffi: Koffi, compiler: Compiler, settings: NativeSettings) {
    this.#source = source;
    this.#koffi = koffi;
    this.#compiler = compiler;
    const { flags, cpu } = settings;
    this.#compilerKey = sha256(JSON.stringify([CACHE_VERSION, compiler, flags, TUNINGS, cpu]));
    this.#settings = settings;
    this.#cache = this.#openCache();
  }

  async library(): Promise<NativeLibrary> {
    const known = this.#cache?.compiler(this.#compilerKey) ?? null;
    const kept = known === null ? null : this.#fromCache(known);
    return kept ?? (await this.#inWorkDirectory(known));
  }

  #openCache(): NativeCache | null {
    const cache = NativeCache.open(this.#settings.directory);
    if (typeof cache !== "string") return cache;
    this.#settings.warn(`the cache of native code is not used, ${COSTS}: ${cache}`);
    return null;
  }

  #keyFor(identity: CompilerIdentity): string {
    return sha256(JSON.stringify([CACHE_VERSION, identity, this.#source]));
  }

  #fromCache(identity: CompilerIdentity): NativeLibrary | null {
    const path = this.#cache?.find(this.#keyFor(identity)) ?? null;
    return path === null ? null : this.#loadKept(path, identity);
  }

  /** Loads a library of the cache. One that does not load is removed, for example after a change of the system. */
  #loadKept(path: string, identity: CompilerIdentity): NativeLibrary | null {
    const library = openLibrary(this.#koffi, path, identity.name);
    if (!(library instanceof Error)) return library;
    removeIfPossible(path);
    return null;
  }

  async #inWorkDirectory(known: CompilerIdentity | null): Promise<NativeLibrary> {
    try {
      return await inWorkDirectory(WORK, async (directory) => await this.#build(directory, known));
    } catch (error) {
      const failure = writeError(tmpdir(), this.#source.length, error);
      throw failure instanceof InputError ? new NativeUnavailable(failure.message) : failure;
    }
  }

  async #build(directory: string, known: CompilerIdentity | null): Promise<NativeLibrary> {
    const { env, flags, limitMs } = this.#settings;
    const build = { directory, env, flags, limitMs };
    const before: Failures = this.#cache?.failures() ?? new Map();
    const identity = known ?? (await this.#explained(this.#compilerKey, identify(this.#compiler, build)));
    if (known === null) this.#cache?.keepCompiler(this.#compilerKey, identity);
    const compiling = async (): Promise<NativeLibrary> => await this.#compile(identity, build);
    return this.#cache === null ? await compiling() : await this.#once(this.#cache, identity, before, compiling);
  }

  /** Lets one process compile, and the others wait for its library, or for a failure that was not there `before`. */
  async #once(
    cache: NativeCache,
    identity: CompilerIdentity,
    before: Failures,
    compiling: () => Promise<NativeLibrary>,
  ): Promise<NativeLibrary> {
    const key = this.#keyFor(identity);
    const deadline = performance.now() + this.#settings.waitMs;
    const compiled = (): NativeLibrary | null => {
      const library = this.#fromCache(identity);
      const failure = library === null ? cache.newFailure(key, before) : null;
      if (failure !== null) throw failedElsewhere(failure);
      return library;
    };
    for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(2 * pollMs, LAST_POLL_MS)) {
      const library = compiled();
      if (library !== null) return library;
      const lock = cache.lock(key);
      try {
        // Another process may have ended just before the lock was taken.
        if (lock !== "held" || performance.now() > deadline) return compiled() ?? (await compiling());
      } finally {
        if (lock !== "held") lock?.release();
      }
      await delay(pollMs);
    }
  }

  async #compile(identity: CompilerIdentity, build: BuildDirectory): Promise<NativeLibrary> {
    const key = this.#keyFor(identity);
    const path = await this.#explained(key, compile(this.#compiler, identity, this.#source, build));
    const stored = this.#cache?.store(key, fs.readFileSync(path)) ?? null;
    const kept = stored === null || typeof stored === "string" ? null : this.#loadKept(stored.path, identity);
    if (kept !== null) return kept;
    const library = openLibrary(this.#koffi, path, identity.name);
    if (library instanceof Error) {
      const message = `what the C compiler ${showPath(this.#compiler.path)} made cannot be loaded`;
      throw this.#explain(key, new CompilerError(message, library.message));
    }
    if (stored !== null) {
      const unloadable = `libraries in ${showPath(this.#settings.directory)} cannot be loaded`;
      this.#settings.warn(`native code is not kept, ${COSTS}: ${typeof stored === "string" ? stored : unloadable}`);
    }
    return library;
  }

  async #explained<Result>(key: string, work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (error) {
      throw error instanceof CompilerError ? this.#explain(key, error) : error;
    }
  }

  /** The compiler's output goes to a file, in the cache or else among the system's temporary files. */
  #explain(key: string, { message, output }: CompilerError): NativeUnavailable {
    const log = this.#cache?.log(key, output) ?? keepTemporarily(WORK, output);
    return new NativeUnavailable(log === null ? message : `${message}; see ${showPath(log)}`);
  }
}

/** How the names of temporary directories and files begin. */
const WORK = "microgpt-native-";

const COSTS = "so each start compiles again";

/** A start compiles several sources; each warning is given for the first one only. */
function once(warn: (message: string) => void): (message: string) => void {
  const given = new Set<string>();
  return (message) => {
    if (!given.has(message)) warn(message);
    given.add(message);
  };
}

const failedElsewhere = (log: string): NativeUnavailable =>
  new NativeUnavailable(`the C compiler failed in another process; see ${showPath(log)}`);
