// A rank of `bench mpi`: times sums of floats over all ranks, as the engine makes them. Rank 0 prints [numbers, milliseconds] pairs.
import { MpiTransport } from "../dist/node/mpi.js";
import { launchOf } from "../dist/node/mpi-launch.js";
import { Ranks } from "../dist/training/ranks.js";

const transport = await MpiTransport.start(launchOf(process.env), null);
const ranks = new Ranks(transport);
const rows = [];
for (const numbers of [16, 1 << 14, 1 << 18, 1 << 22]) {
  const list = new Float32Array(new SharedArrayBuffer(4 * numbers)).fill(ranks.rank);
  const times = [];
  for (let i = 0; i < (numbers < 1e6 ? 60 : 12); i++) {
    await ranks.sum([0]); // all begin together
    const beginMs = performance.now();
    ranks.begin(list);
    await ranks.sum([0]);
    times.push(performance.now() - beginMs);
  }
  rows.push([numbers, times.toSorted((a, b) => a - b)[Math.floor(times.length / 4)]]);
}
if (ranks.rank === 0) console.log(JSON.stringify(rows));
transport.leave(0);
