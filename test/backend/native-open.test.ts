import { describe, expect, test, vi } from "vitest";
import type { NativeLibrary } from "../../src/backend/native/library.ts";
import { nativeBackend } from "../../src/backend/native/native.ts";
import { NativeUnavailable } from "../../src/backend/native/unavailable.ts";
import { newTensorEngine } from "../setup/tensor-models.ts";

const CONFIG = { vocabSize: 27, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16 };

/** A library in which no session can be opened, because the system starts no threads. */
const newLibrary = (close: () => void = () => {}): NativeLibrary => ({ compiler: "none", func: () => () => 0, close });

describe("a native session that can't be opened", () => {
  test("without threads: the reason, and the library is unloaded", async () => {
    const close = vi.fn<() => void>();
    const backend = nativeBackend({ threads: 4, compile: async () => newLibrary(close) });
    await expect(newTensorEngine(backend, CONFIG, 1)).rejects.toThrow(NativeUnavailable);
    expect(close).toHaveBeenCalledOnce();
  });

  test("without memory: nothing is compiled", async () => {
    const compile = vi.fn<() => Promise<NativeLibrary>>(async () => newLibrary());
    const backend = nativeBackend({ threads: 1, compile });
    await expect(newTensorEngine(backend, CONFIG, 1, { maxTokens: 2 ** 40 })).rejects.toThrow(RangeError);
    expect(compile).not.toHaveBeenCalled();
  });
});
