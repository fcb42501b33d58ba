/** Where a test of `test/portable/` runs, and how long it may take. Imports nothing: it runs in all three places. */

declare global {
  interface ImportMeta {
    /** What vitest.config.ts gives to every test, in Node as in a browser. */
    readonly env: Readonly<Record<"MICROGPT_PLACE" | "MICROGPT_EXTENT", string>>;
  }
}

export type Place = "node" | "browser-isolated" | "browser-plain";

/** The vitest project. */
export const PLACE: Place = import.meta.env.MICROGPT_PLACE as Place;

/** `npm test` is quick, `npm run test:all` full, `npm run test:long` long. */
export type Extent = "quick" | "full" | "long";

export const EXTENT: Extent = import.meta.env.MICROGPT_EXTENT as Extent;

/** `npm run test:long` draws new cases, and more of them. */
export const LONG: boolean = EXTENT === "long";

/** A size or a number of repetitions for each extent. Where `quick` is smaller, the test has a tag of `slow.ts`. */
export const byExtent = <T>(quick: T, full: T, long: T = full): T => ({ quick, full, long })[EXTENT];

/** How many random cases to draw where `full` are drawn in Node: browsers check that they are no different. */
export const runs = (full: number): number =>
  PLACE === "node" ? byExtent(Math.ceil(full / 5), full, 10 * full) : Math.ceil((LONG ? 10 * full : full) / 10);
