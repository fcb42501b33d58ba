/**
 * Extraction that ends: a page → its text within limits of time and memory, whatever the page is made to do. Another
 * process extracts (extract-process.ts), because a thread does not hold: of twelve hostile programs (Node 20), three that outgrew
 * a thread's `resourceLimits` ended the whole process, one did not obey `terminate`, and buffers are not counted.
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import PQueue from "p-queue";
import { InputError } from "../errors.ts";
import { errorCode } from "../node/files.ts";
import { decodePage } from "./decode.ts";
import type { ExtractedPage } from "./decode.ts";
import { PageError } from "./page-error.ts";

/** What the text of a page may take to be found. */
export interface ExtractionLimits {
  /** Milliseconds of computing: on a busy machine, more pass until then. */
  readonly timeMs: number;
  /** Bytes of memory of the process that extracts; an empty one takes 80 MB of it. */
  readonly memoryBytes: number;
}

/** The limits of a page. Ordinary ones take milliseconds; of plain paragraphs, 20 MB are within both, 40 MB are not. */
export const EXTRACTION_LIMITS: ExtractionLimits = { timeMs: 10_000, memoryBytes: 512e6 };

/**
 * What the other process answers to a page's HTML; after "time" and "memory" it has ended. A "bug" is the stack of an
 * error that is not the page's.
 */
export type ExtractionAnswer =
  | { readonly is: "text"; readonly text: string }
  | { readonly is: "refused" | "bug"; readonly message: string }
  | { readonly is: "time" | "memory" };

/** More characters leave so much garbage in the process that the next page could exceed the limit. */
const LARGE = 1e6;

/** How a process of V8 ends when its heap is full, by system. */
const OUT_OF_MEMORY: ReadonlySet<number | string | null> = new Set(["SIGABRT", "SIGTRAP", "SIGILL", 134]);

const PROCESS = new URL(
  import.meta.url.endsWith(".ts") ? "./extract-process.ts" : "./extract-process.js",
  import.meta.url,
);

/** Extracts page after page in one process, which starts with the first HTML, and anew after a page that ended it. */
export class Extractor {
  readonly #limits: ExtractionLimits;
  readonly #queue = new PQueue({ concurrency: 1 });
  #process: ChildProcess | null = null;

  /** @param limits differ from `EXTRACTION_LIMITS` in tests. */
  constructor(limits: ExtractionLimits = EXTRACTION_LIMITS) {
    this.#limits = limits;
  }

  /**
   * As `extractPage`. Rejects with PageError if the page is not text or exceeds a limit, with InputError (code
   * "machine") if no process can be started.
   */
  async extract(body: Uint8Array, contentType: string | null): Promise<ExtractedPage> {
    const { isHtml, ...page } = decodePage(body, contentType);
    return isHtml ? { ...page, text: await this.#textOf(page.text) } : page;
  }

  async #textOf(html: string): Promise<string> {
    const answer = await this.#queue.add(() => this.#ask(html));
    if (answer.is === "text") return answer.text;
    if (answer.is === "refused") throw new PageError(answer.message);
    if (answer.is === "bug") throw new Error(answer.message);
    const { timeMs, memoryBytes } = this.#limits;
    const limit =
      answer.is === "time" ? `${timeMs / 1000} s of computing` : `${Math.round(memoryBytes / 1e6)} MB of memory`;
    throw new PageError(`to find its text takes more than ${limit}`);
  }

  /** Ends the process. */
  close(): void {
    this.#process?.kill("SIGKILL");
    this.#process = null;
  }

  async #ask(html: string): Promise<ExtractionAnswer> {
    const child = (this.#process ??= this.#start());
    let isReusable = false;
    try {
      const answer = await answerOf(child, html);
      isReusable = answer.is === "text" || answer.is === "refused";
      return answer;
    } finally {
      if (!isReusable || html.length > LARGE) this.close();
    }
  }

  #start(): ChildProcess {
    const { timeMs, memoryBytes } = this.#limits;
    const child = fork(PROCESS, [String(timeMs), String(memoryBytes)], {
      execArgv: [],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "ignore", "ipc"], // V8 writes a page about a full heap
    });
    return child.on("error", () => {}); // said where an answer is awaited
  }
}

/** Asks, and waits for the answer or the end of the process. */
async function answerOf(child: ChildProcess, html: string): Promise<ExtractionAnswer> {
  const waiting = new AbortController();
  const { signal } = waiting;
  const answered = once(child, "message", { signal }).then(([answer]: ExtractionAnswer[]) => answer);
  const ended = once(child, "exit", { signal }).then(([code, by]: (number | string | null)[]): ExtractionAnswer => {
    if (OUT_OF_MEMORY.has(code ?? by)) return { is: "memory" };
    throw new PageError(`the process that was to find its text has ended (${by ?? code})`);
  });
  child.send(html, () => {}); // where it cannot be sent, the process has ended
  try {
    return await Promise.race([answered, ended]);
  } catch (error) {
    if (error instanceof PageError) throw error;
    throw new InputError(`cannot start a process to read pages in (${errorCode(error) ?? "system error"})`, "machine");
  } finally {
    waiting.abort();
    await Promise.allSettled([answered, ended]);
  }
}
