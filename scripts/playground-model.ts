/**
 * Trains the small model that the playground shows before a visitor has trained one: the bundled names, the defaults,
 * strict arithmetic. Writes playground/texts/names.safetensors; the same on every machine. `node scripts/playground-model.ts`
 */
import { readFileSync, writeFileSync } from "node:fs";
import { train } from "../src/index-node.ts";

const at = (path: string): URL => new URL(`../${path}`, import.meta.url);
const model = await train([readFileSync(at("data/names.txt"), "utf8")], { strictMath: true, threads: 1 });
writeFileSync(at("playground/texts/names.safetensors"), await model.save());
console.log(`held-out loss ${model.heldOutLoss?.toFixed(4)} at step ${model.step}`);
await model.close();
