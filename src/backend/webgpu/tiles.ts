/**
 * The tile sizes of the products and the rule that picks one for a shape. Only sizes: `matmul.ts` writes the kernels,
 * and `tune.ts` replaces the estimate made here by a measurement.
 */

/**
 * The tile of the result that one workgroup computes, and the part of it that one invocation keeps in registers (drawn
 * in `matmul.ts`). All in numbers, all multiples of 4.
 */
export interface WorkgroupTile {
  /** Rows of the result per workgroup. */
  readonly rows: number;
  /** Columns of the result per workgroup. */
  readonly columns: number;
  /** Depth of the slices of both factors that are in workgroup memory at a time. */
  readonly depth: number;
  /** Rows of the result per invocation. */
  readonly ownRows: number;
  /** Columns of the result per invocation. */
  readonly ownColumns: number;
}

const newWorkgroupTile = (
  rows: number,
  columns: number,
  depth: number,
  ownRows: number,
  ownColumns: number,
): WorkgroupTile => ({
  rows,
  columns,
  depth,
  ownRows,
  ownColumns,
});

/**
 * The tiles to choose from. They need at most 256 invocations and 16 KiB of workgroup memory, which every adapter has.
 * Tuning results refer to them by index: append only.
 */
export const TILES: readonly WorkgroupTile[] = [
  newWorkgroupTile(128, 128, 8, 8, 8),
  newWorkgroupTile(128, 64, 8, 8, 4),
  newWorkgroupTile(64, 128, 8, 4, 8),
  newWorkgroupTile(64, 64, 16, 8, 4),
  newWorkgroupTile(64, 64, 16, 4, 4),
  newWorkgroupTile(64, 32, 16, 4, 4),
  newWorkgroupTile(32, 64, 16, 4, 4),
  newWorkgroupTile(32, 32, 16, 4, 4),
  newWorkgroupTile(64, 16, 16, 4, 4),
  newWorkgroupTile(16, 64, 16, 4, 4),
  newWorkgroupTile(16, 32, 16, 4, 4),
  newWorkgroupTile(32, 16, 16, 4, 4),
];

/** Invocations of a workgroup that computes the tile. */
export const invocationsOf = (tile: WorkgroupTile): number =>
  (tile.rows / tile.ownRows) * (tile.columns / tile.ownColumns);

/** A product [rows, depth] · [depth, columns] → [rows, columns]. */
export interface Shape {
  /** Which of the three products of a linear layer it is: out, dInput or the weight's gradient. */
  readonly form: "linear" | "inputGrad" | "weightGrad";
  /** Rows of the result: outputs for `weightGrad`, else tokens of the largest batch. */
  readonly rows: number;
  /** Columns of the result. */
  readonly columns: number;
  /** Length of the dot products: tokens of the largest batch for `weightGrad`. */
  readonly depth: number;
}

/** How a product is computed. */
export interface TileChoice {
  /** The tile; unused where `matrices` is true. */
  readonly tile: WorkgroupTile;
  /** Chunks that the depth is split into where the tiles alone are too few to fill the GPU ("split-K"); 1: no split. */
  readonly chunks: number;
  /** Whether matrix units compute it, in tiles of their own size (`matrices.ts`). Default: false. */
  readonly matrices?: boolean;
}

/** Workgroups that keep a large GPU busy. */
const TARGET_WORKGROUPS = 256;
/** Depth per chunk below which a further chunk costs more, in summing, than it gains. */
const MIN_DEPTH = 256;

/** Workgroups that cover the result. */
const tilesOf = ({ rows, columns }: Shape, tile: WorkgroupTile): number =>
  Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns);

/** The choice with the lowest estimated cost, without a measurement. */
export const guess = (shape: Shape): TileChoice => candidates(shape)[0];

/**
 * The ten choices with the lowest estimated cost, in that order. The estimate grows with the numbers computed,
 * including those past the edges, with the loads per number, and where there are too few invocations to fill the GPU.
 */
export function candidates(shape: Shape): TileChoice[] {
  const cost = (tile: WorkgroupTile): number => {
    const tiles = tilesOf(shape, tile);
    const loads = 1 / tile.ownRows + 1 / tile.ownColumns + 4 / tile.rows + 4 / tile.columns;
    // A weight gradient's depth is split until the GPU is full.
    const busy = shape.form === "weightGrad" ? Infinity : tiles * invocationsOf(tile);
    return tiles * tile.rows * tile.columns * (0.5 + loads) * Math.max(1, (TARGET_WORKGROUPS * 64) / busy);
  };
  const sorted = TILES.toSorted((a, b) => cost(a) - cost(b)).slice(0, 10);
  return sorted.map((tile) => ({ tile, chunks: chunksOf(shape, tile) }));
}

/** The choice for a CPU that emulates a GPU: the tile that compiles fastest. */
export function smallest(shape: Shape): TileChoice {
  const least = newWorkgroupTile(16, 16, 4, 4, 4);
  return { tile: least, chunks: shape.form === "weightGrad" && shape.depth >= 2 * MIN_DEPTH ? 2 : 1 };
}

/**
 * Chunks of the depth: enough to fill the GPU, at most 64. Only weight gradients are split; their depth is the batch.
 */
function chunksOf(shape: Shape, tile: WorkgroupTile): number {
  if (shape.form !== "weightGrad") return 1;
  const wanted = Math.ceil(TARGET_WORKGROUPS / tilesOf(shape, tile));
  return Math.max(1, Math.min(wanted, Math.floor(shape.depth / MIN_DEPTH), 64));
}
