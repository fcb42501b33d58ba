import * as fc from "fast-check";

// `npm test` draws the same cases every time: a failure is everybody's. `npm run test:long` draws new ones.
if (process.env.MICROGPT_LONG === undefined) fc.configureGlobal({ seed: 20_261_123 });
