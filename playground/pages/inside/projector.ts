/** The page's side of `pca-worker.ts`: starts it with the first projection, and ends it when the page is left. */
import type { Projection, Rows } from "./pca.ts";
import type { ProjectRequest, ProjectResult } from "./pca-worker.ts";

/** Projects rows in a worker, one request at a time or several. */
export class Projector {
  readonly #waiting = new Map<number, (projection: Projection) => void>();
  #worker: Worker | null = null;
  #nextId = 0;

  /** As `project` in `pca.ts`. */
  project(rows: Rows, before: Projection["axes"] | null): Promise<Projection> {
    this.#worker ??= this.#start();
    const worker = this.#worker;
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
      worker.postMessage({ id, rows, before } satisfies ProjectRequest);
    });
  }

  /** Ends the worker; the next projection starts another. Projections under way are dropped. */
  close(): void {
    this.#worker?.terminate();
    this.#worker = null;
    this.#waiting.clear();
  }

  #start(): Worker {
    const worker = new Worker(new URL("./pca-worker.ts", import.meta.url), { type: "module", name: "projection" });
    worker.addEventListener("message", ({ data: { id, projection } }: MessageEvent<ProjectResult>) => {
      this.#waiting.get(id)?.(projection);
      this.#waiting.delete(id);
    });
    return worker;
  }
}
