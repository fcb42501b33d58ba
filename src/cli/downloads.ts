/**
 * Progress of downloads: at a terminal a bar each, redrawn in place below other output; elsewhere lines.
 */
import { clearScreenDown, moveCursor } from "node:readline";
import type { PageEvent } from "../pages/pages.ts";
import { paint } from "./terminal.ts";
import { printable, warningLine } from "../run/format.ts";

interface DownloadProgress {
  readonly url: string;
  readonly received: number;
  /** Bytes in all; null: the server does not say. */
  readonly total: number | null;
}

/** Most bars on the screen. */
const MAX_BARS = 8;
const BAR_WIDTH = 20;
const REDRAW_MS = 100;

/** Progress bars of downloads, redrawn in place. */
export class Downloads {
  readonly #running = new Map<string, DownloadProgress>();
  readonly #stream: NodeJS.WriteStream;
  /** Lines on the screen, above the cursor. */
  #shown = 0;
  #drawnMs = -Infinity;

  /** @param stream a terminal. */
  constructor(stream: NodeJS.WriteStream = process.stdout) {
    this.#stream = stream;
  }

  /** Bytes of a download have arrived. */
  bytes(progress: DownloadProgress): void {
    this.#running.set(progress.url, progress);
    if (performance.now() - this.#drawnMs >= REDRAW_MS) this.draw();
  }

  /** A download ended; erases the bars until the next `draw`. */
  end(url: string): void {
    this.#running.delete(url);
    this.#clear();
  }

  #clear(): void {
    if (this.#shown === 0) return;
    moveCursor(this.#stream, 0, -this.#shown);
    clearScreenDown(this.#stream);
    this.#shown = 0;
  }

  /** Draws the bars. */
  draw(): void {
    this.#drawnMs = performance.now();
    const shown = [...this.#running.values()].slice(0, MAX_BARS).map(barOf);
    const more = this.#running.size - shown.length;
    if (more > 0) shown.push(paint("dim", `… and ${more} more`));
    this.#clear();
    this.#stream.write(shown.map((line) => `${line}\n`).join(""));
    this.#shown = shown.length;
  }
}

/** `█████░░░░░   1.2 MB  https://…`. Without a total it shows the bytes received. */
function barOf({ url, received, total }: DownloadProgress): string {
  const share = total === null || total === 0 ? null : Math.min(1, received / total);
  const full = Math.round((share ?? 0) * BAR_WIDTH);
  const bar = share === null ? "·".repeat(BAR_WIDTH) : "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
  const size = `${(received / 1e6).toFixed(1)} MB`.padStart(8);
  const width = Math.max(10, (process.stdout.columns || 80) - BAR_WIDTH - 14);
  return `${bar} ${size}  ${printable(url).slice(0, width)}`;
}

const WHENCE = {
  network: "",
  cache: ", from the cache",
  unchanged: ", unchanged",
  stale: ", stale: its server failed",
};

/** `12.3 KB, from the cache`. */
export const fetchedText = ({ bytes, from }: Extract<PageEvent, { type: "done" }>): string =>
  (bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} KB` : `${(bytes / 1e6).toFixed(1)} MB`) + WHENCE[from];

/** Reports pages on a stream: bars at a terminal, lines elsewhere. */
export class PageLog {
  readonly #stream: NodeJS.WriteStream;
  readonly #downloads: Downloads | null;

  /** @param stream where everything is printed. */
  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#downloads = stream.isTTY ? new Downloads(stream) : null;
  }

  /** Prints a line. */
  say(line: string): void {
    this.#stream.write(`${printable(line)}\n`);
  }

  /** Prints a warning. */
  warn(message: string): void {
    this.#stream.write(warningLine(message));
  }

  /** Reports an event of a page. */
  page(event: PageEvent): void {
    if (event.type === "bytes") return this.#downloads?.bytes(event);
    this.#downloads?.end(event.url);
    if (event.type === "failed") this.warn(`${event.url}: ${event.reason}`);
    else this.say(`fetched    ${event.url}  ${fetchedText(event)}`);
    this.#downloads?.draw();
  }
}
