import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { importModel } from "../../src/export/import.ts";
import { decodeSafetensors, encodeSafetensors } from "../../src/training/safetensors.ts";
import { microgptHere, trained } from "../setup/microgpt.ts";
import type { Finished } from "../setup/microgpt.ts";

const FILES =
  "README.md config.json generation_config.json microgpt.json model.safetensors modeling_microgpt.py tokenizer.json tokenizer_config.json train_microgpt.py";

const exportTo = (run: string, cwd: string, ...more: string[]): Promise<Finished> =>
  microgptHere(["export", run, "--to", "pytorch", ...more], { cwd });

describe("microgpt export", () => {
  test("makes a folder named after run and format, and says what is in it", async () => {
    const { run, directory } = trained();
    const { exitCode, stdout, stderr } = await exportTo(run, directory);
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^pytorch {2}\d+\.\d kB {2}run-pytorch\n$/);
    expect(readdirSync(join(directory, "run-pytorch")).toSorted().join(" ")).toBe(FILES);
  });

  test("--json is one line with path, size and files", async () => {
    const { run, directory } = trained();
    const { stdout } = await exportTo(run, directory, "--out", "there/it", "--json");
    const event = JSON.parse(stdout) as { bytes: number; files: string[] };
    expect(event).toMatchObject({ event: "exported", format: "pytorch", path: "there/it" });
    expect(event.files.toSorted().join(" ")).toBe(FILES);
    const sizes = event.files.map((name) => readFileSync(join(directory, "there/it", name)).length);
    expect(event.bytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
  });

  test("the card has the numbers of result.json, and leaves the licence to a person", async () => {
    const { run, directory } = trained();
    await exportTo(run, directory);
    const card = readFileSync(join(directory, "run-pytorch/README.md"), "utf8");
    const result = JSON.parse(readFileSync(join(run, "result.json"), "utf8")) as {
      baselines: { bigram: number };
      measured: { heldOutLoss: number; bitsPerByte: number }[];
    };
    expect(card).toMatch(/^# run$/m);
    expect(card).toContain("| data | words.txt: 36 documents to learn, 4 held out; ");
    expect(card).toContain("| parameters | 344: 1 deep, 4 wide, 2 heads |");
    expect(card).toContain(`| held-out loss | ${result.measured[0].heldOutLoss.toFixed(4)} nats per token |`);
    expect(card).toContain(`| bits per byte | ${result.measured[0].bitsPerByte.toFixed(4)},`);
    expect(card).toContain(`bigram ${result.baselines.bigram.toFixed(4)} bits per byte`);
    expect(card).toMatch(/The model sees at most 8 tokens/);
    expect(card).toMatch(/write here where the data came from/);
    expect(card.match(/^```(?:python|sh)$/gm)).toHaveLength(3);
  });

  test("a run of an older version, whose result.json has neither sizes nor baselines, is exported without them", async () => {
    const { run, directory } = trained();
    const path = join(run, "result.json");
    const { data: _, baselines: __, ...old } = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    writeFileSync(path, JSON.stringify(old));
    expect((await exportTo(run, directory)).exitCode).toBe(0);
    const card = readFileSync(join(directory, "run-pytorch/README.md"), "utf8");
    expect(card).toContain("| data | words.txt |");
    expect(card).not.toContain("baselines");
  });

  test.each([
    ["no format", ["--out", "x"], /--to: no format is named; expected one of pytorch/],
    ["an unknown format", ["--to", "tflite"], /--to: expected one of pytorch.*, got "tflite"/],
    ["a format twice", ["--to", "pytorch", "--to", "pytorch"], /--to: pytorch is named twice/],
    ["a folder to standard output", ["--to", "pytorch", "--out", "-"], /a folder cannot be written to standard output/],
    ["an existing file", ["--to", "pytorch", "--out", "words.txt"], /words\.txt exists and is not replaced/],
    ["a link to nowhere", ["--to", "pytorch", "--out", "link"], /link exists and is not replaced/],
    ["a folder in the run", ["--to", "pytorch", "--out", "run/x"], /run\/x is inside the run .*; name a/],
    ["below a file", ["--to", "pytorch", "--out", "words.txt/x"], /cannot write .*words\.txt/],
  ])("%s is refused in one sentence, and nothing is written", async (_name, args, message) => {
    const { run, directory } = trained();
    symlinkSync("nowhere", join(directory, "link"));
    const list = (): string[] => readdirSync(directory, { recursive: true, encoding: "utf8" }).toSorted();
    const before = list();
    const { exitCode, stdout, stderr } = await microgptHere(["export", run, ...args], { cwd: directory });
    expect(stderr).toMatch(/^microgpt: [^\n]+\n$/);
    expect(stderr).toMatch(message);
    expect([exitCode! > 0, stdout]).toEqual([true, ""]);
    expect(list()).toEqual(before);
  });

  test("words without <unk> cannot be said: that is refused with the way out, and the way out leads there", async () => {
    const without = trained("--tokenizer", "word");
    const { exitCode, stderr } = await exportTo(without.run, without.directory);
    expect([exitCode, existsSync(join(without.directory, "run-pytorch"))]).toEqual([2, false]);
    expect(stderr).toMatch(/^microgpt: --to pytorch: Hugging Face's tokenizer\.json cannot skip unknown words.*--unk/);
    const { run, directory } = trained("--tokenizer", "word", "--unk");
    expect((await exportTo(run, directory)).exitCode).toBe(0);
  });
});

describe("microgpt import", () => {
  test.each(["char", "word", "bpe", "byte-bpe"])(
    "%s: export → import → export gives the same bytes, and the run writes the same text",
    async (tokenizer) => {
      const options = ["--tokenizer", tokenizer, "--bpe-merges", "20", ...(tokenizer === "word" ? ["--unk"] : [])];
      const { run, directory } = trained(...options);
      await exportTo(run, directory);
      const imported = await microgptHere(["import", "run-pytorch", "--name", "again"], { cwd: directory });
      expect([imported.exitCode, imported.stderr]).toEqual([0, ""]);
      expect(imported.stdout).toMatch(/^[\d,]+ parameters, \d+ tokens \([a-z-]+\) {2}runs\/again\n$/);
      await microgptHere(["export", "again", "--to", "pytorch"], { cwd: directory });
      for (const name of FILES.split(" ")) {
        const [first, second] = ["run", "again"].map((one) => readFileSync(join(directory, `${one}-pytorch`, name)));
        const renamed =
          name === "README.md" ? second.toString().replace("# again", "# run") : second.toString("latin1");
        expect(renamed).toBe(name === "README.md" ? first.toString() : first.toString("latin1"));
      }
      const write = async (name: string): Promise<string> =>
        (await microgptHere(["complete", name, "ba", "--seed", "3", "--num-samples", "5"], { cwd: directory })).stdout;
      expect(await write("again")).toBe(await write(run));
    },
  );

  test("the run has no texts: samples are not marked, and resume says what to do instead", async () => {
    const { run, directory } = trained();
    await exportTo(run, directory);
    await microgptHere(["import", "run-pytorch"], { cwd: directory });
    const samples = await microgptHere(["sample", "run-pytorch-1", "--num-samples", "3"], { cwd: directory });
    expect(samples.stdout).toMatch(/sample +1: \w+\n/);
    expect(samples.stdout).not.toMatch(/new|in the data/);
    const resumed = await microgptHere(["resume", "run-pytorch-1"], { cwd: directory });
    expect(resumed.exitCode).toBe(2);
    expect(resumed.stderr).toMatch(
      /^microgpt: runs\/run-pytorch-1 was imported, without its texts; .*train --from runs\/run-pytorch-1\n$/,
    );
  });

  test.each([
    ["5", /imported\.json is damaged/],
    ["{", /imported\.json is damaged: it is not JSON/],
    [
      '{"format": "microgpt-import", "version": 1, "training": {"data": "x"}}',
      /`training\.data` must be a list of names/,
    ],
  ])("an imported.json of %s is named where the run is exported", async (content, message) => {
    const { run, directory } = trained();
    await exportTo(run, directory);
    await microgptHere(["import", "run-pytorch"], { cwd: directory });
    writeFileSync(join(directory, "runs/run-pytorch-1/imported.json"), content);
    const { exitCode, stderr } = await exportTo("run-pytorch-1", directory);
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(message)]);
  });

  test("our model.safetensors with our tokenizer.json is enough", async () => {
    const { run, directory } = trained();
    mkdirSync(join(directory, "bare"));
    for (const name of ["model.safetensors", "tokenizer.json"]) cpSync(join(run, name), join(directory, "bare", name));
    const { stdout } = await microgptHere(["import", "bare", "--json"], { cwd: directory });
    expect(JSON.parse(stdout)).toMatchObject({
      event: "imported",
      run: "runs/bare-1",
      nEmbd: 4,
      nHead: 2,
      blockSize: 8,
    });
    const write = async (name: string): Promise<string> =>
      (await microgptHere(["complete", name, "ba", "--temperature", "0"], { cwd: directory })).stdout;
    expect(await write("bare-1")).toBe(await write(run));
    // Sealed by us: another tokenizer and a changed bit are noticed.
    const tokenizer = join(directory, "bare/tokenizer.json");
    writeFileSync(tokenizer, `${readFileSync(tokenizer, "utf8")} `);
    const other = await microgptHere(["import", "bare"], { cwd: directory });
    expect(other.stderr).toMatch(
      /bare: its tokenizer\.json is not the one that its model\.safetensors was trained with/,
    );
    const weights = readFileSync(join(directory, "bare/model.safetensors"));
    weights[weights.length - 4] ^= 1;
    writeFileSync(join(directory, "bare/model.safetensors"), weights);
    expect((await microgptHere(["import", "bare"], { cwd: directory })).stderr).toMatch(/bare: checksum: /);
  });

  test("so are bare matrices by our names, where a config.json says how many heads there are", async () => {
    const { run } = trained();
    const { tensors } = decodeSafetensors(new Uint8Array(readFileSync(join(run, "model.safetensors"))));
    const files = new Map<string, Uint8Array>([
      ["model.safetensors", encodeSafetensors({ tensors, metadata: new Map() })],
      ["tokenizer.json", new Uint8Array(readFileSync(join(run, "tokenizer.json")))],
    ]);
    await expect(importModel(files, [])).rejects.toThrow(
      /how many heads the model has; add a config\.json with n_head/,
    );
    files.set("config.json", new TextEncoder().encode('{"n_head": 2}'));
    const { config, weights } = await importModel(files, []);
    expect(config).toEqual({ vocabSize: 15, nEmbd: 4, nHead: 2, nLayer: 1, blockSize: 8 });
    expect([...weights.keys()]).toEqual([...tensors.keys()]);
  });

  test("a name that is taken is refused", async () => {
    const { run, directory } = trained();
    await exportTo(run, directory);
    const args = ["import", "run-pytorch", "--name", "run", "--runs-dir", directory];
    const { exitCode, stderr } = await microgptHere(args, { cwd: directory });
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/run exists; choose another --name/)]);
  });

  /** What a folder may be instead, and what is said of it. */
  const OTHERS: readonly (readonly [string, (folder: string) => void, RegExp])[] = [
    ["nothing", (folder) => rmSync(folder, { recursive: true }), /there is no such folder/],
    [
      "an empty folder",
      (folder) => readdirSync(folder).forEach((name) => rmSync(join(folder, name))),
      /it has no model\.safetensors; expected a folder of microgpt export/,
    ],
    [
      "a GPT-2 of another program",
      (folder) => {
        rmSync(join(folder, "microgpt.json"));
        writeFileSync(join(folder, "config.json"), '{"model_type": "gpt2"}');
      },
      /it holds a model of type "gpt2"; expected/,
    ],
    [
      "a pickle",
      (folder) => {
        rmSync(join(folder, "model.safetensors"));
        writeFileSync(join(folder, "pytorch_model.bin"), "PK");
      },
      /it has no model\.safetensors but pytorch_model\.bin; expected/,
    ],
    [
      "a pickle by another name",
      (folder) => writeFileSync(join(folder, "model.safetensors"), "PK\u0003\u0004 and more"),
      /model\.safetensors is a zip archive/,
    ],
    [
      "no microgpt.json",
      (folder) => rmSync(join(folder, "microgpt.json")),
      /its tokenizer\.json is of another program, and microgpt\.json is missing/,
    ],
    [
      "a folder for a file",
      (folder) => {
        rmSync(join(folder, "microgpt.json"));
        mkdirSync(join(folder, "microgpt.json"));
      },
      /microgpt\.json is a directory, not a file/,
    ],
    [
      "half a file of weights",
      (folder) =>
        writeFileSync(
          join(folder, "model.safetensors"),
          readFileSync(join(folder, "model.safetensors")).subarray(0, 2000),
        ),
      /safetensors: /,
    ],
    [
      "no JSON",
      (folder) => writeFileSync(join(folder, "microgpt.json"), "{"),
      /microgpt\.json is damaged: it is not JSON/,
    ],
  ];

  test.each(OTHERS)("%s is refused with what was found, and no run is made", async (_name, change, message) => {
    const { run, directory } = trained();
    const folder = join(directory, "run-pytorch");
    await exportTo(run, directory);
    change(folder);
    const { exitCode, stdout, stderr } = await microgptHere(["import", folder, "--name", "x"], { cwd: directory });
    expect(stderr).toMatch(/^microgpt: [^\n]{1,500}\n$/);
    expect(stderr).toMatch(message);
    expect([exitCode, stdout, existsSync(join(directory, "runs"))]).toEqual([2, "", false]);
  });

  test("a run is a run already", async () => {
    const { run, directory } = trained();
    const { exitCode, stderr } = await microgptHere(["import", run], { cwd: directory });
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/run: it is a run already; name it where/)]);
  });
});

/** An export of a small run, as named bytes. */
async function exportedFiles(): Promise<Map<string, Uint8Array>> {
  const { run, directory } = trained();
  await exportTo(run, directory);
  const folder = join(directory, "run-pytorch");
  return new Map(readdirSync(folder).map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]));
}

test("nothing is claimed of weights that another program has changed", async () => {
  const files = await exportedFiles();
  expect(await importModel(files, [])).toMatchObject({ step: 30, training: { numSteps: 30 } });
  files.get("model.safetensors")![files.get("model.safetensors")!.length - 4] ^= 1; // the last bit of a weight
  expect(await importModel(files, [])).toMatchObject({ step: 0, training: null, heldOutLoss: null });
});

/** Each is one change of a good `microgpt.json`. */
const CHANGES: readonly (readonly [string, (json: Record<string, unknown>) => unknown, RegExp])[] = [
  ["another format", (json) => ({ ...json, format: "x" }), /not of microgpt export/],
  ["another version", (json) => ({ ...json, version: 2 }), /version "2" is not 1; update microgpt/],
  ["a list", () => [], /not of microgpt export/],
  ["null", () => null, /not of microgpt export/],
  ["a negative step", (json) => ({ ...json, step: -1 }), /`step`/],
  ["a loss that is a text", (json) => ({ ...json, heldOutLoss: "1" }), /`heldOutLoss`/],
  ["no hash", (json) => ({ ...json, dataHash: "../x" }), /`dataHash`/],
  ["no hash of the weights", (json) => ({ ...json, weightsHash: 5 }), /`weightsHash`/],
  ["no options", (json) => ({ ...json, options: [] }), /`options`/],
  ["an option out of range", (json) => ({ ...json, options: { seed: -1 } }), /seed/],
  ["an option that is none", (json) => ({ ...json, options: { shell: "rm" } }), /shell/],
  [
    "a million layers",
    (json) => ({ ...json, config: { ...(json.config as object), nLayer: 2 ** 20 } }),
    /it has 9 tensors, its config needs 6291459/,
  ],
  [
    "a larger vocabulary",
    (json) => ({ ...json, config: { ...(json.config as object), vocabSize: 16 } }),
    /tensor wte is \[15, 4\], expected \[16, 4\]/,
  ],
  [
    "heads that do not divide",
    (json) => ({ ...json, config: { ...(json.config as object), nHead: 3 } }),
    /nHead 3 does not divide nEmbd 4/,
  ],
  [
    "another tokenizer",
    (json) => ({ ...json, tokenizer: { format: "microgpt-tokenizer", version: 1, kind: "char", tokens: ["a"] } }),
    /its tokenizer has 2 tokens, its weights 15/,
  ],
  ["no tokenizer", (json) => ({ ...json, tokenizer: 5 }), /tokenizer: not a microgpt tokenizer/],
  [
    "facts that are none",
    (json) => ({ ...json, training: { ...(json.training as object), size: { unit: "mile" } } }),
    /`training\.size`/,
  ],
  [
    "names that are none",
    (json) => ({ ...json, training: { ...(json.training as object), data: [5] } }),
    /`training\.data`/,
  ],
];

test.each(CHANGES)("microgpt.json with %s is refused by name", async (_name, change, message) => {
  const files = await exportedFiles();
  await expect(importModel(files, [])).resolves.toMatchObject({ step: 30 });
  const json = JSON.parse(new TextDecoder().decode(files.get("microgpt.json"))) as Record<string, unknown>;
  files.set("microgpt.json", new TextEncoder().encode(JSON.stringify(change(json))));
  await expect(importModel(files, [])).rejects.toMatchObject({
    name: "InputError",
    message: expect.stringMatching(message) as string,
  });
});
