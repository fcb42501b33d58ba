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

/** `npm run test:long` draws new cases, and more of them. */
export const LONG: boolean = import.meta.env.MICROGPT_LONG !== undefined;
