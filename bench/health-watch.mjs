// node health-watch.mjs URL: a child process that asks URL every 50 ms, beside the clients' own event loop, until its parent
// sends a message; then it sends the milliseconds of each answer.
import { setTimeout as pause } from "node:timers/promises";

const end = new AbortController();
process.once("message", () => end.abort());
const times = [];
while (!end.signal.aborted) {
  const began = performance.now();
  await (await fetch(process.argv[2])).text();
  times.push(performance.now() - began);
  await pause(50);
}
process.send(times);
