// A worker that asks a server's /health every 50 ms, beside the clients' own event loop, until it gets a message; then it
// answers with the milliseconds of each answer.
import { parentPort, workerData } from "node:worker_threads";

const times = [];
let isAsking = true;
parentPort.once("message", () => (isAsking = false));
while (isAsking) {
  const began = performance.now();
  await (await fetch(workerData)).text();
  times.push(performance.now() - began);
  await new Promise((resolve) => setTimeout(resolve, 50));
}
parentPort.postMessage(times);
