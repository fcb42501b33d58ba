// Our side of atomic.mjs: the same program as peers/scalar_microgpt.py, with the core. Prints the same JSON line.
import { readFileSync } from "node:fs";
import { Adam, buildVocabulary, documentLoss, encode, initWeights } from "../dist/microgpt.js";
import { Random } from "../dist/random.js";

const [path, steps] = process.argv.slice(2);
const random = new Random(42);
const documents = readFileSync(path, "utf8").trim().split("\n");
random.shuffle(documents);
const vocabulary = buildVocabulary(documents);
const config = { vocabSize: vocabulary.bos + 1, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16 };
const weights = initWeights(config, random);
const adam = new Adam(weights);
const losses = [];
const seconds = [];
const positions = [];
for (let step = 0; step < Number(steps); step++) {
  const started = performance.now();
  const tokens = encode(vocabulary, documents[step % documents.length]);
  const loss = documentLoss(weights, config, tokens);
  loss.backward();
  adam.update(step, 0.01 * (1 - step / 1000));
  seconds.push((performance.now() - started) / 1000);
  losses.push(loss.data);
  positions.push(Math.min(config.blockSize, tokens.length - 1));
}
console.log(JSON.stringify({ losses, seconds, positions }));
