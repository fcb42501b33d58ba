// `npm run bench [NAME…]`: runs the benchmarks named, or all but `load`, which takes an hour, and `sizing` and `sizing-check`, which take
// hours. Each is a file beside this one that exports
// `run()`; it prints its own table and returns nothing. Ratios are measured side by side in one run.
import { cpus } from "node:os";

const BENCHMARKS = [
  "atomic",
  "engine",
  "export",
  "gpu",
  "kernels",
  "mpi",
  "playground",
  "quality",
  "serve",
  "startup",
  "sweep",
  "tokenizers",
];

/** Those that run only where they are named. */
const LONG = ["load", "sizing", "sizing-check"];

const asked = process.argv.slice(2);
const unknown = asked.find((name) => ![...BENCHMARKS, ...LONG].includes(name));
if (unknown !== undefined) {
  console.error(`bench: there is no ${JSON.stringify(unknown)}; expected ${[...BENCHMARKS, ...LONG].join(", ")}`);
  process.exit(2);
}
console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown"}\n`);
for (const name of asked.length > 0 ? asked : BENCHMARKS) {
  const { run } = await import(`./${name}.mjs`);
  await run();
}
