import { expect, test } from "vitest";
import { wasmBackend } from "../../src/backend/wasm/wasm.ts";
import { webThreads } from "../../src/backend/wasm/web-threads.ts";
import { PLACE } from "../setup/place.ts";
import type { Place } from "../setup/place.ts";
import { newTensorEngine, update, wasm, weightsOf } from "../setup/tensor-models.ts";

const CONFIG = { vocabSize: 27, nEmbd: 16, nHead: 4, nLayer: 2, blockSize: 16 };
const DOCUMENTS = Array.from({ length: 9 }, (_, d) => Array.from({ length: 3 + d }, (__, i) => (7 * d + 5 * i) % 27));

/** What must hold where the tests run; each place has its own truth. */
const TRUTHS: Readonly<Record<Place, readonly [name: string, check: () => Promise<void>]>> = {
  "browser-isolated": [
    "an isolated page: ten steps with three threads are those with one, to the last bit",
    async () => {
      const { startThread, threads } = webThreads();
      expect(threads).toBeGreaterThanOrEqual(1);
      const backend = wasmBackend({ strictMath: false, threads: 3, startThread });
      const [one, three] = [await newTensorEngine(wasm, CONFIG, 1), await newTensorEngine(backend, CONFIG, 1)];
      expect(three.name).toBe("wasm, 3 threads");
      for (let step = 0; step < 10; step++) {
        const [a, b] = [await one.step([DOCUMENTS], update(step)), await three.step([DOCUMENTS], update(step))];
        expect(b).toEqual(a);
      }
      expect(await weightsOf(three)).toEqual(await weightsOf(one));
      three.close();
    },
  ],
  "browser-plain": [
    "a page that is not isolated: one thread, and it is said why",
    async () => {
      const { startThread, threads, reason } = webThreads();
      expect([threads, startThread]).toEqual([1, null]);
      expect(reason).toMatch(/^one thread: the page is not cross-origin isolated/);
      const backend = wasmBackend({ strictMath: false, threads: 4, startThread });
      const engine = await newTensorEngine(backend, CONFIG, 1);
      expect(engine.name).toBe("wasm");
      expect(await engine.step([DOCUMENTS], update(0))).toMatchObject({ applied: true });
    },
  ],
  node: [
    "Node: no page, no threads of one",
    async () => expect(webThreads()).toMatchObject({ threads: 1, startThread: null }),
  ],
};

test(`in ${TRUTHS[PLACE][0]}`, async () => {
  expect.hasAssertions();
  await TRUTHS[PLACE][1]();
});
