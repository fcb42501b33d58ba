// A run of the command line, in a program: node read-run.mjs runs/names-1
import { decodeRun, loadRun } from "microgpt";
import { readRunFiles } from "microgpt/node";

const [path = "runs/names-1"] = process.argv.slice(2);
const files = readRunFiles(path);
const { options, tokenizer, checkpoint } = await decodeRun(files);
console.log(`${tokenizer.kind} tokenizer with ${tokenizer.vocabSize} tokens, ${options.nEmbd} wide`);
console.log(`newest checkpoint: step ${checkpoint?.progress.step} of ${options.numSteps}`);

const model = await loadRun(files);
console.log(`best weights: step ${model.step}, held-out loss ${model.heldOutLoss?.toFixed(4)}`);
for await (const piece of model.stream({ seed: 3 })) process.stdout.write(piece);
process.stdout.write("\n");
