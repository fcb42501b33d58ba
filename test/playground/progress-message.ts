/** Messages of a worker that does not exist. */
import type { ProgressMessage } from "../../playground/run/protocol.ts";

/** A report of a training that plays and has nothing to say, but for what the test gives. */
export const messageOf = (more: Partial<ProgressMessage>): ProgressMessage => ({
  state: "playing",
  step: 0,
  engine: "wasm engine, 1 thread",
  why: null,
  points: new Float64Array(),
  evaluations: [],
  measured: null,
  tokensPerSecond: 0,
  secondsLeft: null,
  snapshots: [],
  failure: null,
  warnings: [],
  ...more,
});
