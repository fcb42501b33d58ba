// Trains a model of a few names, writes with it, and keeps it in a file.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load, train } from "microgpt";

const names = ["ada", "grace", "alan", "edsger", "barbara", "donald", "john", "margaret", "dennis", "ken"];

const model = await train(names, {
  nEmbd: 32,
  numSteps: 300,
  onStep: ({ step, loss }) => {
    if (step % 100 === 0) console.log(`step ${step}  loss ${loss.toFixed(4)}`);
  },
});

console.log("after g:", await model.nextTokens("g", 3));
for (let seed = 1; seed <= 3; seed++) console.log(await model.generate({ prefix: "a", temperature: 0.7, seed }));
console.log(
  "names it has not seen:",
  await model.evaluate(["alice", "gordon"].map((name) => name.replaceAll("i", "a"))),
);

const path = join(tmpdir(), `names-${process.pid}.safetensors`);
writeFileSync(path, await model.save());
const again = await load(readFileSync(path));
rmSync(path); // this is only an example
console.log("loaded again:", await again.generate({ prefix: "a", seed: 1 }));
