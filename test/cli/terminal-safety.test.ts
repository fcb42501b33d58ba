import { createServer } from "node:http";
import { readFileSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { hasScript, inTerminal } from "../setup/in-terminal.ts";
import { microgptHere, TINY, workspace } from "../setup/microgpt.ts";
import { TOKENIZER_KINDS } from "../../src/text/tokenizer.ts";

/** What a hostile text would tell a terminal: colours, its title, its clipboard (OSC 52), a device's name, 8-bit forms. */
const HOSTILE = [
  "\u001b[31mred\u001b[2J\u001b[H",
  "\u001b]0;owned\u0007",
  "\u001b]52;c;ZXZpbA==\u0007",
  "\u001bP$q q\u001b\\",
  "\u009b31m\u009d0;owned\u009c",
  "\u202eevil\u202c\u2066x\u2069\u200e\u200f\ufeff",
  "bell\u0007back\u0008space\u007fdel\u000bvt\u000cff",
  "\r\u001b[A\u001b[Koverwritten",
];
const TEXT = `${HOSTILE.join(" and then a few words of ordinary text and ")}\n`;

/** What we may say to a terminal ourselves, without colours: the line that lives on, and the bars. */
const OWN = /\r\u001b\[2K|\u001b\[\d+A|\u001b\[0J|\u001b\[1G|\u001b\[\d*G|\u001b\[0K/g;
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/;

function expectSafe(screen: string): void {
  const rest = screen.replace(OWN, "");
  const at = rest.search(FORBIDDEN);
  expect(at < 0 ? "" : JSON.stringify(rest.slice(Math.max(0, at - 40), at + 20))).toBe("");
}

/** Pages of hostile text; even the path and the reason phrase are. */
async function serve(): Promise<string> {
  const answers: Readonly<Record<string, readonly [status: number, headers: Record<string, string>, body: string]>> = {
    "/robots.txt": [404, {}, ""],
    "/text": [200, { "content-type": "text/plain" }, TEXT.repeat(3)],
    "/type": [200, { "content-type": "image/\u009b31m" }, "x"],
    "/encoding": [200, { "content-encoding": "\u009b2J" }, "x"],
  };
  const server = createServer(({ url = "" }, response) => {
    const [status, headers, body] = answers[url] ?? [404, {}, ""];
    response.writeHead(status, "\u009b31mevil", headers).end(body);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => void server.close());
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const QUIET = { NO_COLOR: "1" };

describe.skipIf(!hasScript)(
  "nothing of a hostile text reaches the terminal (skipped where util-linux's `script` is missing)",
  () => {
    test("tokenize: pieces, unknown pieces, and their names", async () => {
      const data = join(workspace(), "data.txt");
      writeFileSync(data, TEXT);
      for (const tokenizer of TOKENIZER_KINDS) {
        const argument = "é\u001b]0;x\u0007\u202e\u009b31m";
        const { screen, exitCode } = await inTerminal(
          ["tokenize", "--data", data, "--tokenizer", tokenizer, argument],
          [],
          QUIET,
        );
        expect(exitCode).toBe(0);
        expectSafe(screen);
      }
    });

    test("train: file names, samples, the names of the run and of what is unknown in prompts", async () => {
      const directory = workspace();
      const data = join(directory, "da\u001b[31mta\u202e.txt");
      writeFileSync(data, TEXT.repeat(2) + HOSTILE.map((line, i) => `${i}${line}\n`).join(""));
      const prompts = join(directory, "prompts.txt");
      writeFileSync(prompts, `${HOSTILE.join("\n")}\n`);
      const args = ["train", "--data", data, "--runs-dir", directory, ...TINY, "--prompt-file", prompts, "--reference"];
      const { screen, exitCode } = await inTerminal(args, [], QUIET);
      expect(exitCode).toBe(0);
      expect(screen).toContain("sample 20:");
      expectSafe(screen);
    });

    test("--json: every event, every piece; and the sentence of an error", async () => {
      const directory = workspace();
      const data = join(directory, "data.txt");
      writeFileSync(data, TEXT.repeat(2) + HOSTILE.map((line, i) => `${i}${line}\n`).join(""));
      const commands = [
        ["tokenize", "--data", data, "--json", HOSTILE.slice(1).join("")],
        [
          "train",
          "--data",
          data,
          "--runs-dir",
          directory,
          "--name",
          "r",
          ...TINY,
          "--reference",
          "--json",
          "--prompt-file",
          data,
        ],
        ["complete", join(directory, "r"), "\u202e\u009b31m", "--json", "--probs"],
      ];
      for (const args of commands) {
        const { screen, exitCode } = await inTerminal(args, [], QUIET);
        expect(exitCode).toBe(0);
        expectSafe(screen);
      }
      const site = await serve();
      const { screen, exitCode } = await inTerminal(["fetch", `${site}/type`, "--no-cache"], [], QUIET);
      expect(exitCode).toBe(2);
      expectSafe(screen);
    });

    test("fetch: the text of a page, its address, what its server says of itself", async () => {
      const site = await serve();
      const cache = workspace();
      const pages = ["/text", "/type", "/encoding", "/\u202e%1b[31m\u009b"].map((path) => site + path);
      const { screen, exitCode } = await inTerminal(["fetch", ...pages, "--cache-dir", cache], [], QUIET);
      expect(exitCode).toBe(0);
      expect(screen).toContain("red[2J[H");
      expect(screen.match(/microgpt: warning: /g)).toHaveLength(3);
      expectSafe(screen);
    });
  },
);

test("what goes to a file or a pipe is the text to the byte", async () => {
  const site = await serve();
  const directory = workspace();
  const out = join(directory, "out.txt");
  // Control characters and byte order marks go when a text is cleaned, on the way to a file as well; what is left is not
  // touched again.
  const cleaned = "\u202eevil\u202c\u2066x\u2069\u200e\u200f";
  const { spawn } = await import("node:child_process");
  const { CLI } = await import("../setup/microgpt.ts");
  const args = ["fetch", `${site}/text`, "--cache-dir", directory, "--out", out];
  const exitCode = await new Promise((done) => spawn(process.execPath, [CLI, ...args]).on("close", done));
  expect(exitCode).toBe(0);
  expect(readFileSync(out, "utf8")).toContain(cleaned);
  const { stdout } = await microgptHere(["tokenize", "--tokenizer", "byte-bpe", "--json", cleaned]);
  expect(stdout).toContain('{"text":"\\u202e","id":');
  expect((JSON.parse(stdout) as { pieces: { text: string }[] }).pieces.map(({ text }) => text)).toContain("\u202e");
});
