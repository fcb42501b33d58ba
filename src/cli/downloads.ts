/**
 * Downloads at a terminal: a bar each, all of them redrawn in place, while other lines scroll past above.
 */
import { createLogUpdate } from "log-update";
import { paint, printable } from "./terminal.ts";

interface Progress {
  readonly url: string;
  readonly received: number;
  /** Bytes in all, as the server says; null: it doesn't. */
  readonly total: number | null;
}

/** More lines than this would push everything else from the screen. */
const MAX_BARS = 8;
const BAR_WIDTH = 20;
const REDRAW_MS = 100;

export class Downloads {
  readonly #running = new Map<string, Progress>();
  readonly #lines = createLogUpdate(process.stdout);
  #drawnMs = -Infinity;

  bytes(progress: Progress): void {
    this.#running.set(progress.url, progress);
    if (performance.now() - this.#drawnMs >= REDRAW_MS) this.draw();
  }

  /** A download is over, well or badly; the bars are gone until the next `draw`. */
  end(url: string): void {
    this.#running.delete(url);
    this.#lines.clear();
  }

  draw(): void {
    this.#drawnMs = performance.now();
    const shown = [...this.#running.values()].slice(0, MAX_BARS).map(barOf);
    const more = this.#running.size - shown.length;
    if (more > 0) shown.push(paint("dim", `… and ${more} more`));
    if (shown.length > 0) this.#lines(shown.join("\n"));
    else this.#lines.clear();
  }
}

/** `█████░░░░░   1.2 MB  https://…`. Without a length it shows how much has come. */
function barOf({ url, received, total }: Progress): string {
  const share = total === null || total === 0 ? null : Math.min(1, received / total);
  const full = Math.round((share ?? 0) * BAR_WIDTH);
  const bar = share === null ? "·".repeat(BAR_WIDTH) : "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
  const size = `${(received / 1e6).toFixed(1)} MB`.padStart(8);
  const room = Math.max(10, (process.stdout.columns || 80) - BAR_WIDTH - 14);
  return `${bar} ${size}  ${printable(url).slice(0, room)}`;
}
