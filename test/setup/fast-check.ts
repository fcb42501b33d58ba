import * as fc from "fast-check";
import { LONG } from "./place.ts";

// `npm test` draws the same cases every time: a failure is everybody's. `npm run test:long` draws new ones.
if (!LONG) fc.configureGlobal({ seed: 20_261_123 });
