// A training loop of one's own: batches by hand, a learning rate of one's own, a look at gradients and attention.
import {
  attentionWeights,
  charTokenizer,
  documentTokens,
  initTensors,
  learningRateAt,
  Random,
  TensorEngine,
  wasmBackend,
} from "microgpt";

const documents = ["ada", "grace", "alan", "edsger", "barbara", "donald", "john", "margaret", "dennis", "ken"];
const tokenizer = charTokenizer(documents);
const tokens = documents.map((document) => documentTokens(tokenizer, document));
const config = { vocabSize: tokenizer.vocabSize, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16 };
const backend = wasmBackend({ strictMath: true, threads: 1, startThread: null });
const engine = await TensorEngine.create(backend, config, { maxTokens: 256 });
await engine.loadWeights(initTensors(config, new Random(42), Float32Array));

const schedule = { numSteps: 200, learningRate: 0.01, warmupSteps: 10, schedule: "cosine" };
for (let step = 0; step < schedule.numSteps; step++) {
  // One batch of all documents; a step may take several, whose gradients are summed.
  const update = { step, learningRate: learningRateAt(step, schedule), weightDecay: 0, clipNorm: 1 };
  const { loss, applied } = await engine.step([tokens], update);
  if (!applied) throw new Error(`step ${step} had no finite loss or gradient; nothing moved`);
  if ((step + 1) % 50 === 0) {
    const gradients = await engine.gradients();
    const norm = Math.hypot(...[...gradients.values()].flatMap(({ data }) => [...data]));
    console.log(`step ${step + 1}  loss ${loss.toFixed(4)}  gradient norm ${norm.toFixed(4)}`);
  }
}

const text = documentTokens(tokenizer, "grace").slice(0, -1); // without the BOS at its end
const activations = await engine.activations(text);
const [query, key, statistics] = ["query", "key", "attention"].map((name) => activations.get(`layer0.${name}`));
const [head] = attentionWeights(query, key, statistics, config.nHead);
const last = Array.from(head.data.slice(-text.length), (share) => share.toFixed(2));
console.log(`head 0 at the e of grace looks at BOS g r a c e: ${last.join(" ")}`);
console.log(
  "losses of grace:",
  (await engine.tokenLosses([[...text, tokenizer.bos]]))[0].map((loss) => loss.toFixed(2)),
);
engine.close();
