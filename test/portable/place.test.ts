import { expect, test } from "vitest";
import { PLACE } from "../setup/place.ts";

/** What a place gives to the engine; a page that is not isolated gets no shared memory. */
const EXPECTED = {
  node: { page: false, isolated: undefined, sharedMemory: true },
  "browser-isolated": { page: true, isolated: true, sharedMemory: true },
  "browser-plain": { page: true, isolated: false, sharedMemory: false },
};

test(`in ${PLACE}: the page, its isolation and its shared memory are what they should be`, () => {
  expect({
    page: "document" in globalThis,
    isolated: globalThis.crossOriginIsolated,
    sharedMemory: "SharedArrayBuffer" in globalThis,
  }).toEqual(EXPECTED[PLACE]);
});
