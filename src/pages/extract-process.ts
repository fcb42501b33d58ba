/**
 * The process of an `Extractor`. Its main thread keeps the limits, a second one extracts:
 *
 *   Extractor  ── HTML ──→  main thread  ── HTML ──→  second thread: htmlToText
 *              ←─ answer ─      │        ←─ answer ─
 *                               └ too slow, too large, the parent is gone: SIGKILL to the whole process
 *
 * Only a signal always works: a thread inside a library call of V8 does not end before the call does.
 */
import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { errorCode } from "../node/files.ts";
import type { htmlToText } from "./extract.ts";
import type { ExtractionAnswer, ExtractionLimits } from "./extractor.ts";
import { PageError } from "./page-error.ts";

/** Milliseconds between two looks at clock and memory: V8 can fill some 10 MB in this time. */
const WATCH_MS = 10;
/** What the process has beside the second thread's heap: V8's own, a page on its way, young objects. */
const OTHER_MB = 112;
const MIN_HEAP_MB = 32;

/** Ends this process, and the second thread wherever it is. */
const end = (): void => void process.kill(process.pid, "SIGKILL");

const send = (answer: ExtractionAnswer, sent: () => void = () => {}): void => void process.send?.(answer, sent);

/** The main thread. */
async function serve(limits: ExtractionLimits): Promise<void> {
  process.on("disconnect", end);
  // Ctrl-C reaches the whole group: what then happens is the other process's decision.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  const waiting: string[] = [];
  process.on("message", (html: string) => waiting.push(html));
  const thread = startThread(limits);
  await once(thread, "message"); // it is loaded: the time of the first page begins
  let watch: NodeJS.Timeout | null = null;
  const begin = (html: string): void => {
    watch = watchLimits(limits);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
    thread.postMessage(html);
  };
  thread.on("message", (answer: ExtractionAnswer) => {
    clearInterval(watch!);
    send(answer);
  });
  process.removeAllListeners("message");
  process.on("message", begin);
  waiting.forEach(begin);
}

function startThread({ memoryBytes }: ExtractionLimits): Worker {
  const maxOldGenerationSizeMb = Math.max(MIN_HEAP_MB, Math.floor(memoryBytes / 1e6) - OTHER_MB);
  const thread = new Worker(new URL(import.meta.url), {
    workerData: { isExtractor: true },
    resourceLimits: { maxOldGenerationSizeMb },
  });
  thread.on("error", (error) => {
    const isFull = errorCode(error) === "ERR_WORKER_OUT_OF_MEMORY";
    send(isFull ? { is: "memory" } : { is: "bug", message: String(error.stack) }, end);
  });
  return thread;
}

/** By the time that the process computes: whether a page can be read must not depend on what else the machine does. */
function watchLimits({ timeMs, memoryBytes }: ExtractionLimits): NodeJS.Timeout {
  const start = process.cpuUsage();
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(start); // microseconds
    const isSlow = (user + system) / 1000 > timeMs;
    if (!isSlow && process.memoryUsage.rss() <= memoryBytes) return;
    clearInterval(timer);
    send({ is: isSlow ? "time" : "memory" }, end);
  }, WATCH_MS);
  return timer;
}

/** The second thread. */
function textOrReason(toText: typeof htmlToText, html: string): ExtractionAnswer {
  try {
    return { is: "text", text: toText(html) };
  } catch (error) {
    if (error instanceof PageError) return { is: "refused", message: error.message };
    return { is: "bug", message: error instanceof Error ? String(error.stack) : String(error) };
  }
}

function isExtractor(data: unknown): boolean {
  return typeof data === "object" && data !== null && "isExtractor" in data;
}

if (!isMainThread && isExtractor(workerData)) {
  const port = parentPort!;
  const { htmlToText: toText } = await import("./extract.ts"); // the main thread does without its libraries
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
  port.on("message", (html: string) => port.postMessage(textOrReason(toText, html)));
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
  port.postMessage("loaded");
} else if (isMainThread && process.send !== undefined) {
  const [timeMs, memoryBytes] = process.argv.slice(2).map(Number);
  await serve({ timeMs, memoryBytes });
}
