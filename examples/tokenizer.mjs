// A tokenizer of one's own: syllables, a consonant (or none) and the vowels after it. Everything else works with it.
import {
  documentTokens,
  generateTokens,
  initTensors,
  newProgress,
  Random,
  TensorEngine,
  trainSteps,
  wasmBackend,
} from "microgpt";

const documents = [
  "banana",
  "papaya",
  "tomato",
  "potato",
  "avocado",
  "guava",
  "cassava",
  "panama",
  "havana",
  "tapioca",
];
const syllables = (text) => text.match(/[^aeiou]*[aeiou]+|[^aeiou]+$/g) ?? [];

/** The part of the library's `Tokenizer` that a training needs. */
function syllableTokenizer(texts) {
  const tokens = [...new Set(texts.flatMap(syllables))];
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const bos = tokens.length;
  return {
    vocabSize: tokens.length + 1,
    bos,
    unk: null,
    encode: (text) => ({ ids: syllables(text).map((syllable) => idOf.get(syllable)), unknown: new Map() }),
    decode: (ids) => Array.from(ids, (id) => tokens[id] ?? "").join(""),
  };
}

const tokenizer = syllableTokenizer(documents);
console.log("banana →", syllables("banana").join("·"), tokenizer.encode("banana").ids);

const config = { vocabSize: tokenizer.vocabSize, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 8 };
const random = new Random(42);
const backend = wasmBackend({ strictMath: false, threads: 1, startThread: null });
const engine = await TensorEngine.create(backend, config, { maxTokens: 64 });
await engine.loadWeights(initTensors(config, random, Float32Array));
const train = documents.map((document) => documentTokens(tokenizer, document));
const settings = { numSteps: 200, learningRate: 0.01, evalInterval: 100, batchSize: 4 };
for await (const event of trainSteps(engine, train, [], settings, newProgress())) {
  if (event.type === "step" && event.step % 100 === 0)
    console.log(`step ${event.step}  loss ${event.meanLoss.toFixed(4)}`);
}
for (let i = 0; i < 3; i++) {
  const ids = await generateTokens(engine, [], 8, random, { temperature: 0.7, topK: null, topP: null });
  console.log(tokenizer.decode(ids));
}
engine.close();
