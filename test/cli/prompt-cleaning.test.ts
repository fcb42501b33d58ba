import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { train } from "../../src/index-node.ts";
import { microgptHere, TINY, workspace } from "../setup/microgpt.ts";

const WHOLE = "th\u00e9";
/** The same as macOS hands it out: the accent is a character of its own. */
const APART = "the\u0301";

/** The output of a command that says nothing else. */
async function output(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await microgptHere(args);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  return stdout;
}

test("with --nfc, a prompt whose accents are apart is the prompt whose accents are not", async () => {
  const directory = workspace();
  const [data, prompts] = [join(directory, "t.txt"), join(directory, "prompts.txt")];
  writeFileSync(data, "caf\u00e9\nth\u00e9\nol\u00e9\n");
  writeFileSync(prompts, `${APART}\n`);
  const flags = ["--data", data, "--val-fraction", "0", ...TINY, "--runs-dir", directory, "--prompt-file", prompts];
  const ending = async (...more: string[]): Promise<string> => {
    const text = await output("train", ...flags, ...more);
    return text.slice(text.lastIndexOf("\n\n"));
  };
  const apart = await ending("--nfc", "--name", "a");
  writeFileSync(prompts, `\ufeff${WHOLE}\n`);
  // The label has the prompt as it was typed.
  expect(apart.normalize("NFC")).toBe(await ending("--nfc", "--name", "b"));
  expect(apart).toContain(WHOLE);

  const run = join(directory, "a");
  expect(existsSync(run)).toBe(true);
  const complete = (prompt: string): Promise<string> => output("complete", run, prompt, "--seed", "7", "--json");
  expect(await complete(APART)).toBe(await complete(WHOLE));

  const tokenize = (text: string, ...more: string[]): Promise<string> => output("tokenize", text, "--json", ...more);
  expect(await tokenize(APART, "--run", run)).toBe(await tokenize(WHOLE, "--run", run));
  const learnt = ["--data", data, "--nfc", "--tokenizer", "char"];
  expect(await tokenize(APART, ...learnt)).toBe(await tokenize(WHOLE, ...learnt));
  expect(JSON.parse(await tokenize(APART, ...learnt))).toMatchObject({ tokens: 3, unknown: 0 });
  // Without --nfc they are two texts.
  expect(JSON.parse(await tokenize(APART, ...learnt.filter((flag) => flag !== "--nfc")))).toMatchObject({ unknown: 2 });
});

test("the library's model does the same", async () => {
  const options = { nEmbd: 4, nHead: 2, blockSize: 8, numSteps: 5, valFraction: 0 };
  const model = await train(["caf\u00e9", WHOLE, "ol\u00e9"], { ...options, nfc: true });
  const generated = (prefix: string): Promise<string> => model.generate({ prefix, seed: 3 });
  expect(await generated(APART)).toBe(await generated(WHOLE));
  expect(await model.logits(APART)).toEqual(await model.logits(WHOLE));
  expect(await model.nextTokens(`\ufeff${APART}`)).toEqual(await model.nextTokens(WHOLE));
  await model.close();
});
