/** Native backends for the tests that run everywhere, where there is a C compiler: not in a page. */
import { nativeBackend } from "../../src/backend/native/native.ts";
import type { CompileNative } from "../../src/backend/native/library.ts";
import type { Backend } from "../../src/tensor/backend.ts";
import { byExtent, PLACE, runs } from "./place.ts";

/** A module of Node's is known by its name alone: no browser must load it. */
async function findCompile(): Promise<CompileNative | null> {
  if (PLACE !== "node") return null;
  const path = new URL("c-compiler.ts", import.meta.url).href;
  return ((await import(/* @vite-ignore */ path)) as { compile: CompileNative | null }).compile;
}

/** Compiles C; null where there is no compiler. */
export const compile: CompileNative | null = await findCompile();

/** A native backend with this number of threads; only where `compile` is not null. */
export const newNative = (threads: number): Backend => nativeBackend({ threads, compile: compile! });

/** The backend on one thread, by name; none where there is no compiler. */
export const NATIVE: readonly (readonly [string, Backend])[] = compile === null ? [] : [["native", newNative(1)]];

/** For the name of what can't run: the summary counts it. Null in a page, which has no compiler to lack. */
export const nativeMissing: string | null =
  compile === null && PLACE === "node" ? "there is no C compiler, or no koffi" : null;

/**
 * As `runs`, but fewer on a native backend: it compiles C for every shape, for a few tenths of a second. All of them in
 * `npm run test:long`.
 */
export const runsOn = ({ name }: Backend, full: number): number =>
  name.startsWith("native") ? byExtent(Math.ceil(full / 20), Math.ceil(full / 4), full) : runs(full);

/** Milliseconds for as many runs: with sanitizers, a compile takes seconds. */
export const timeoutOn = ({ name }: Backend): number => (name.startsWith("native") ? 3600_000 : 300_000);
