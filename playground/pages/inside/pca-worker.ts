/** Projects embeddings off the page's thread: thousands of tokens take longer than a frame. */
import { project } from "./pca.ts";
import type { Projection, Rows } from "./pca.ts";

/** Page → worker. */
export interface ProjectRequest {
  readonly id: number;
  readonly rows: Rows;
  /** Axes to begin with. */
  readonly before: Projection["axes"] | null;
}

/** Worker → page. */
export interface ProjectResult {
  readonly id: number;
  readonly projection: Projection;
}

addEventListener("message", ({ data: { id, rows, before } }: MessageEvent<ProjectRequest>) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
  postMessage({ id, projection: project(rows, before) } satisfies ProjectResult);
});
