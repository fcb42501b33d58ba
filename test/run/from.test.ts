import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createTrainer } from "../../src/index-node.ts";
import { decodeModel } from "../../src/training/checkpoint.ts";
import type { Tensors } from "../../src/training/engine.ts";
import { newProgress } from "../../src/training/train.ts";
import { decodeSafetensors } from "../../src/training/safetensors.ts";
import { microgptHere, TINY, trained } from "../setup/microgpt.ts";
import { checkpointPath, fingerprint, savedSteps } from "../setup/trainer.ts";

/** The letters of the words that the run has learnt, in other words. */
const OTHER = "bamice\nkule\ndifogu\nlabelmin\nnifole\nguba\nkabel\nmeduca\nfigan\nobecul\n";
const SIZES = { nEmbd: 4, nHead: 2, blockSize: 8 };
const STEPS = ["--num-steps", "12", "--eval-interval", "4", "--save-interval", "5", "--num-samples", "2"];

const lossesOf = (run: string): number[] =>
  readFileSync(join(run, "metrics.jsonl"), "utf8")
    .split("\n")
    .flatMap((line) => (line.includes('"loss"') ? [(JSON.parse(line) as { loss: number }).loss] : []));

function other(text: string = OTHER): { directory: string; run: string; data: string; child: string } {
  const { directory, run } = trained();
  const data = join(directory, "other.txt");
  writeFileSync(data, text);
  return { directory, run, data, child: join(directory, "child") };
}

const from = (
  { directory, run, data }: { directory: string; run: string; data: string },
  ...more: string[]
): ReturnType<typeof microgptHere> =>
  microgptHere(["train", "--from", run, "--data", data, "--runs-dir", directory, "--name", "child", ...STEPS, ...more]);

const zerosLike = (tensors: Tensors): Tensors =>
  new Map(Array.from(tensors, ([name, { shape, data }]) => [name, { shape, data: new Float32Array(data.length) }]));

/** Leaves the checkpoint of step 0 alone. */
function forgetSteps(run: string): void {
  for (const step of savedSteps(run)) if (step > 0) rmSync(checkpointPath(run, step));
  rmSync(join(run, "model.safetensors"));
}

describe("train --from begins with the weights and the vocabulary of a run", () => {
  test("its losses are those of a trainer with these weights and a fresh Adam", async () => {
    const place = other();
    const { exitCode, stderr } = await from(place);
    expect([stderr, exitCode]).toEqual(["", 0]);
    const { weights } = await decodeModel(readFileSync(join(place.run, "model.safetensors")));
    // All its letters are in the other text, so the trainer learns the same vocabulary.
    const trainer = await createTrainer([OTHER], { ...SIZES, numSteps: 12, evalInterval: 4 });
    expect(JSON.stringify(trainer.tokenizer)).toBe(
      JSON.stringify(JSON.parse(readFileSync(join(place.child, "tokenizer.json"), "utf8"))),
    );
    const training = { weights, adamMean: zerosLike(weights), adamMeanSquare: zerosLike(weights) };
    await trainer.restore({ progress: newProgress(), training, best: null });
    const found: number[] = [];
    for (let event = await trainer.step(); event !== null; event = await trainer.step()) {
      if (event.type === "step") found.push(event.loss);
    }
    expect(lossesOf(place.child)).toEqual(found);
  });

  test("config.json says where the weights are from", async () => {
    const place = other();
    await from(place);
    const model = decodeSafetensors(readFileSync(join(place.run, "model.safetensors")));
    const hash = createHash("sha256");
    for (const { bytes } of model.tensors.values()) hash.update(bytes);
    expect(JSON.parse(readFileSync(join(place.child, "config.json"), "utf8"))).toMatchObject({
      options: { ...SIZES, documents: "line" },
      from: { run: place.run, step: Number(model.metadata.get("step")), weights: hash.digest("hex") },
    });
  });

  test("it is resumed to the same bytes without the other run, from its very beginning, too", async () => {
    const place = other();
    await from(place, "--keep", "9");
    const expected = fingerprint(place.child);
    rmSync(place.run, { recursive: true });
    forgetSteps(place.child);
    const { exitCode, stderr } = await microgptHere(["resume", place.child]);
    expect([stderr, exitCode]).toEqual(["", 0]);
    expect(fingerprint(place.child)).toEqual(expected);
  });

  test("it can be extended before its first step, and be the ancestor of another", async () => {
    const place = other();
    await from(place, "--keep", "9");
    forgetSteps(place.child);
    expect((await microgptHere(["resume", place.child, "--num-steps", "20"])).exitCode).toBe(0);
    const undisturbed = fingerprint(place.child);
    forgetSteps(place.child);
    expect((await microgptHere(["resume", place.child])).exitCode).toBe(0);
    expect(fingerprint(place.child)).toEqual(undisturbed);
    const args = [
      "train",
      "--from",
      place.child,
      "--data",
      place.data,
      "--runs-dir",
      place.directory,
      "--name",
      "third",
    ];
    expect((await microgptHere([...args, ...STEPS])).exitCode).toBe(0);
  });

  test("the scalar engine continues weights of the compiled one", async () => {
    const place = other();
    expect((await from(place, "--engine", "atomic", "--batch-size", "64")).exitCode).toBe(0);
    const scalar = lossesOf(place.child);
    rmSync(place.child, { recursive: true });
    await from(place);
    for (const [i, loss] of lossesOf(place.child).entries()) expect(Math.abs(loss - scalar[i])).toBeLessThan(1e-4);
  });
});

describe("what the vocabulary lacks is told", () => {
  test("characters are left out, documents of nothing else are dropped, and neither is counted in bits per byte", async () => {
    const clean = other(`${OTHER}bami\n`);
    const { stdout } = await from(clean);
    const place = other(`${OTHER}béaémiz\nÿÿ\n`);
    const told = await from(place);
    expect(told.stderr).toBe(
      'microgpt: warning: 5 characters of the text, 3 different ones, are not in the vocabulary and left out; 1 document with nothing else is dropped: "é" (2 times), "z", "ÿ" (2 times)\n',
    );
    expect(
      told.stdout
        .split("\n")
        .filter((line) => /^(data|step|held)/.test(line))
        .map(withoutSpeed),
    ).toEqual(
      stdout
        .split("\n")
        .filter((line) => /^(data|step|held)/.test(line))
        .map(withoutSpeed),
    );
    expect(lossesOf(place.child)).toEqual(lossesOf(clean.child));
    const again = await microgptHere(["resume", place.child]);
    expect([again.exitCode, again.stderr]).toEqual([0, ""]);
  });

  test("with <unk> in the vocabulary they are read as it", async () => {
    const { directory, run } = trained("--unk");
    const data = join(directory, "other.txt");
    writeFileSync(data, `${OTHER}bézi\n`);
    const { stderr, stdout } = await from({ directory, run, data });
    expect(stderr).toMatch(/: 2 characters of the text are not in the vocabulary and read as <unk>: "é", "z"\n$/);
    expect(stdout).toMatch(/^data {7}10 documents to learn, 1 held out; /m);
  });

  test("a text of which it has nothing is refused", async () => {
    const { exitCode, stderr } = await from(other("ÄÖÜ\nÉÀÊ\nÑÑÑ\n"));
    expect([exitCode, stderr]).toEqual([
      2,
      "microgpt: data: nothing of the text is in the vocabulary of the other run\n",
    ]);
  });
});

describe("options that contradict the model are refused", () => {
  test.each([
    [["--n-embd", "8"], /--n-embd: \S+run was trained with 4, which its weights keep; drop --n-embd, or --from$/],
    [["--tokenizer", "bpe"], /--tokenizer: \S+run was trained with char, /],
    [["--vocab-size", "30"], /--vocab-size: \S+run was trained with its default, /],
    [["--reference"], /--reference begins with random weights, as microgpt\.py does; drop it, or --from$/],
  ])("%j", async (more, message) => {
    const { exitCode, stderr } = await from(other(), ...more);
    expect(exitCode).toBe(2);
    expect(stderr.trimEnd()).toMatch(message);
  });

  test("those that agree, and how the text is read, are taken", async () => {
    const place = other(`${OTHER}\n${OTHER}`);
    expect((await from(place, "--n-embd", "4", "--documents", "file")).exitCode).toBe(0);
    expect(JSON.parse(readFileSync(join(place.child, "config.json"), "utf8"))).toMatchObject({
      options: { documents: "file", nEmbd: 4 },
    });
  });

  test("--dry-run takes the sizes of the run", async () => {
    const place = other();
    const { stdout } = await microgptHere(["train", "--from", place.run, "--data", place.data, "--dry-run", ...TINY]);
    expect(stdout).toMatch(/^\d+ parameters, 15 tokens in the vocabulary\n/);
  });
});

const withoutSpeed = (line: string): string => line.replace(/ {2}[\d,]+ tokens\/s.*/, "");
