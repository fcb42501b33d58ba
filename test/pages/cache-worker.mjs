// Writes and reads a cache until it is killed or done: one of the processes of cache.test.ts.
// node cache-worker.mjs <dist/pages/cache.js> <directory> <worker> <keys> <rounds>
import { createHash } from "node:crypto";

const [module, directory, worker, keys, rounds] = process.argv.slice(2);
const { PageCache } = await import(module);
const cache = new PageCache(directory);

const urlOf = (key) => `https://a.example/${key}`;
/** A body that tells whose it is, and whether it is whole. */
function bodyOf(key, round) {
  const line = `${key} ${worker} ${round}\n`;
  const text = line.repeat(1 + ((Number(key) * 37 + round) % 400));
  return Buffer.from(`${createHash("sha256").update(text).digest("hex")}\n${text}`);
}

let reads = 0;
process.send?.("ready");
for (let round = 0; round < Number(rounds); round++) {
  const key = String((round * 7 + Number(worker)) % Number(keys));
  cache.put(urlOf(key), {
    url: urlOf(key),
    contentType: `text/plain; of=${worker}-${round}`,
    etag: null,
    lastModified: null,
    fetchedMs: round,
    body: bodyOf(key, round),
  });
  const other = String((round * 13 + 5) % Number(keys));
  const page = cache.get(urlOf(other));
  if (page !== null) {
    const text = page.body.subarray(65).toString();
    const [ofKey, ofWorker, ofRound] = text.slice(0, text.indexOf("\n")).split(" ");
    const isWhole = page.body.subarray(0, 64).toString() === createHash("sha256").update(text).digest("hex");
    const isIts = ofKey === other && page.url === urlOf(other);
    const isOne = page.contentType === `text/plain; of=${ofWorker}-${ofRound}` && page.fetchedMs === Number(ofRound);
    if (!isWhole || !isIts || !isOne) {
      process.stderr.write(`torn or foreign: ${other}: whole ${isWhole}, its own ${isIts}, of one piece ${isOne}\n`);
      process.exit(9);
    }
    reads++;
  }
}
process.stdout.write(`${reads}\n`);
