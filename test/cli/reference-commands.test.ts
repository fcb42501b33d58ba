import { writeFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { hasScript, inTerminal } from "../setup/in-terminal.ts";
import { microgptHere, sharedWorkspace, workspace } from "../setup/microgpt.ts";
import { questionsOf } from "../setup/questions.ts";
import { serveSite } from "../setup/site.ts";

const VERSES = readFileSync(new URL("../fixtures/genesis200.txt", import.meta.url), "utf8");
const BOOK = `<html><head><title>A book</title></head><body>${VERSES.split("\n")
  .map((verse) => `<p>${verse}</p>`)
  .join("\n")}</body></html>`;

/** The reference's options (its README's table), in the combinations of its README and of its guide's five sets; fewer steps. */
const COMMANDS = [
  "--num-steps 20",
  "--urls SITE/book.html SITE/verses.txt --tokenizer word --num-steps 20",
  "--url-file pages.txt --no-cache --tokenizer bpe --bpe-merges 250 --num-steps 20",
  "--urls FILE --tokenizer char --n-embd 32 --n-head 4 --n-layer 2 --block-size 64 --num-steps 5",
  "--urls FILE --prompt-file prompts.txt --num-steps 20",
];
const MORE_COMMANDS = [
  "--urls SITE/book.html --num-steps 20",
  "--urls SITE/verses.txt --tokenizer bpe --bpe-merges 1000 --num-steps 20",
  "--urls FILE --tokenizer char --n-embd 64 --n-head 8 --n-layer 2 --block-size 256 --num-steps 3 --batch-size 32",
  "--urls FILE --tokenizer word --n-embd 64 --n-head 8 --n-layer 3 --block-size 128 --num-steps 3 --batch-size 32",
  "--urls FILE --tokenizer bpe --bpe-merges 1000 --n-embd 64 --n-head 8 --n-layer 3 --block-size 128 --num-steps 3 --batch-size 32",
  ...[1, 2, 3, 4].map((depth) => `--urls FILE --tokenizer bpe --bpe-merges 500 --n-layer ${depth} --num-steps 5`),
  ...[32, 64, 128, 256].map((width) => `--urls FILE --tokenizer bpe --bpe-merges 500 --n-embd ${width} --num-steps 3`),
  ...[250, 500, 1000, 2500, 5000].map((merges) => `--urls FILE --tokenizer bpe --bpe-merges ${merges} --num-steps 5`),
  "--urls FILE --tokenizer bpe --bpe-merges 2000 --block-size 512 --n-embd 256 --n-head 16 --n-layer 6 --num-steps 1 --batch-size 1 --num-samples 1",
  "--urls FILE --no-gpu --num-steps 20",
];

describe("every option of the reference runs as it is given there", () => {
  // One for all: env-paths keeps the environment in which it is first imported, and each command runs in this process.
  let cache = "";
  beforeAll(() => {
    cache = sharedWorkspace();
  });

  async function expectTraining(command: string): Promise<void> {
    const directory = workspace();
    const site = await serveSite({ "/book.html": BOOK, "/verses.txt": VERSES });
    writeFileSync(join(directory, "verses.txt"), VERSES);
    writeFileSync(join(directory, "pages.txt"), `# pages\n${site.url}/verses.txt\n`);
    writeFileSync(join(directory, "prompts.txt"), "# prompts\nAnd God said\nIn the beginning\n");
    const file = pathToFileURL(join(directory, "verses.txt")).href;
    const args = command.replaceAll("SITE", site.url).replaceAll("FILE", file).split(" ");
    const env = { XDG_CACHE_HOME: cache };
    const { exitCode, stdout, stderr } = await microgptHere(args, { cwd: directory, env });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const samples = command.includes("--num-samples 1") ? 1 : 20;
    expect(stdout.match(/^sample +\d+: /gm)).toHaveLength(samples);
    const engine = /^microgpt \S+ {2}(\w+) engine/m.exec(stdout)?.[1];
    expect(engine).toBe(command.includes("--no-gpu") ? "atomic" : "wasm");
    // Where no size is typed, long lines choose the preset for a book, which learns all of them.
    const isSized = /--n-|--block-size|--no-gpu/.test(command);
    if (command.includes("--urls") || command.includes("--url-file"))
      expect(stdout).toMatch(isSized ? /180 documents to learn/ : /[\d,]+ windows to learn/);
    if (command.includes("--prompt-file"))
      expect(stdout).toMatch(/\ncompletion: And God said.*\n\nprompt.*\ncompletion: In the beginning.*\n$/);
  }

  test.each(COMMANDS)("microgpt %s", expectTraining);
  test.each(MORE_COMMANDS)("microgpt %s", { tags: ["commands"] }, expectTraining);

  test.skipIf(!hasScript)(
    "microgpt --interactive asks for each (skipped where util-linux's `script` is missing)",
    async () => {
      const directory = workspace();
      writeFileSync(join(directory, "verses.txt"), VERSES);
      const args = ["--data", join(directory, "verses.txt"), "--runs-dir", join(directory, "runs"), "--interactive"];
      const given: Readonly<Record<string, string>> = {
        "preset: ": "names\r",
        "more: ": "yes\r",
        "tokenizer: ": "bpe\r",
        "bpe-merges: ": "50\r",
        "num-steps: ": "10\r",
      };
      const order = questionsOf({ bpe: true }).map((name) => `${name}: `);
      const answers = order.map((question): [string, string] => [question, given[question] ?? "\r"]);
      const { screen, exitCode } = await inTerminal(args, [...answers, ["Type the beginning", "q\r"]], {
        NO_COLOR: "1",
      });
      expect(exitCode).toBe(0);
      expect(screen).toMatch(/data {7}180 documents to learn, 20 held out; 11\d tokens/);
    },
  );
});
