/** Where a test of `test/engine/` runs, and how long it may take. Imports nothing: it runs in all three places. */

declare global {
  interface ImportMeta {
    /** What vitest.config.ts gives to every test, in Node as in a browser. */
    readonly env: Readonly<Record<"MICROGPT_PLACE" | "MICROGPT_LONG", string | undefined>>;
  }
}

export type Place = "node" | "browser-isolated" | "browser-plain";

/** The vitest project. */
export const PLACE: Place = import.meta.env.MICROGPT_PLACE as Place;

/** How many cases to draw of what is drawn `count` times in Node: browsers check that they are no different. */
export const runs = (count: number): number => (LONG ? 10 * count : PLACE === "node" ? count : Math.ceil(count / 10));

/** `npm run test:long` draws new cases, and more of them. */
export const LONG: boolean = import.meta.env.MICROGPT_LONG !== undefined;
