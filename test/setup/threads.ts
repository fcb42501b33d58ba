/** Threads for the WASM backend in tests: from the source where Node strips types, else from dist/. */
import type { StartThread } from "../../src/backend/wasm/threads.ts";

const stripsTypes = Number(process.versions.node.split(".")[0]) >= 24;
const path = stripsTypes ? "../../src/node/threads.ts" : "../../dist/node/threads.js";

const { startNodeThread } = (await import(new URL(path, import.meta.url).href)) as { startNodeThread: StartThread };

export const startThread: StartThread = startNodeThread;
