import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { duration, printable, sparkline } from "../../src/run/format.ts";
import { hasScript, inTerminal } from "../setup/in-terminal.ts";
import { byExtent } from "../setup/place.ts";
import { questionsOf } from "../setup/questions.ts";
import { TINY, workspace, writeWords } from "../setup/microgpt.ts";

test("nothing that is printed can command the terminal, whatever the text", { tags: ["cases"] }, () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const shown = printable(text);
      expect(shown).not.toMatch(
        /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/,
      );
    }),
    { numRuns: byExtent(2000, 10_000) },
  );
  expect(printable("\u001b[31mred\u001b[0m\ttab\nnext \u202eevil")).toBe("[31mred[0m\ttab\nnext evil");
  expect(printable("naïve 😀 café שלום")).toBe("naïve 😀 café שלום");
});

test("a curve's lowest value is at the bottom and its highest on top", () => {
  expect(sparkline([3, 2, 1], 10)).toBe("█▅▁");
  expect(sparkline([1, 1], 10)).toBe("▁▁");
  expect(sparkline([], 10)).toBe("");
  expect(
    sparkline(
      Array.from({ length: 1000 }, (_, i) => -i),
      8,
    ),
  ).toBe("█▇▆▅▄▃▂▁");
});

test("seconds are shown as a person reads them", () => {
  expect([0.4, 59.6, 185, 7440, -1].map(duration)).toEqual(["0s", "1m00s", "3m05s", "2h04m", "0s"]);
});

describe.skipIf(!hasScript)("at a terminal (skipped where util-linux's `script` is missing)", () => {
  const trainArgs = (until: readonly string[] = ["--num-steps", "400"]): { args: string[]; directory: string } => {
    const directory = workspace();
    const data = writeWords(directory);
    const args = ["train", "--data", data, "--runs-dir", directory, "--name", "run", ...TINY, ...until];
    return { args, directory };
  };

  test("one line lives on: step, loss, held-out loss, tokens a second, ETA and a curve", async () => {
    // The line is drawn ten times a second: a number of steps could be done before the second drawing.
    const { screen, exitCode } = await inTerminal(trainArgs(["--seconds", "1"]).args, [["> ", "q\r"]]);
    expect(exitCode).toBe(0);
    expect(screen).toMatch(
      /\r\u001b\[2Kstep +[\d,]+\/[\d,]+ {2}loss \d\.\d{4} {2}held-out \d\.\d{4} {2}[\d,]+ tokens\/s {2}ETA \d+s {2}[▁-█]+/,
    );
    expect(screen).toMatch(/sample +1: \S* +\u001b\[\d+m {2}/);
  });

  test("a sentence about the training is broken at spaces, and a command is not broken", async () => {
    const args = [...trainArgs().args, "--learning-rate", "30", "--num-samples", "0"];
    const { screen } = await inTerminal(args, [["> ", "q\r"]], { NO_COLOR: "1" });
    const [sentence] = /the loss is [^]*? help\r\n/.exec(screen) ?? [""];
    const lines = sentence.trim().split("\r\n");
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
    expect(screen).toMatch(/; try\r\n {2}(?:npx )?microgpt train [^\r]* --learning-rate 3 [^\r]*\r\n/);
  });

  test("NO_COLOR takes the colours away", async () => {
    const { screen } = await inTerminal(trainArgs().args, [["> ", "q\r"]], { NO_COLOR: "1" });
    expect(screen).toContain("sample 20:");
    expect(screen).not.toMatch(/\u001b\[[0-9;]*[1-9][0-9;]*m/);
  });

  test.each([
    ["quit", "quit\r"],
    ["exit", "exit\r"],
    ["q", "q\r"],
    ["Ctrl-C", "\u0003"],
    ["Ctrl-D", "\u0004"],
  ])("the prompt loop completes prompts until %s, and exits 0", async (_name, goodbye) => {
    const { screen, exitCode } = await inTerminal(
      trainArgs().args,
      [
        ["> ", "bac\r"],
        ["> ", "Zoë\r"],
        ["> ", goodbye],
      ],
      { NO_COLOR: "1" },
    );
    expect(screen).toMatch(/\r\nbac\S*\r\n/);
    expect(screen).toContain('the prompt "Zoë" has 2 tokens not in the vocabulary: "Z", "ë"; left out');
    expect(exitCode).toBe(0);
  });

  test("--interactive asks for each option, asks again after a bad answer, and trains with the answers", async () => {
    const directory = workspace();
    const args = ["train", "--data", writeWords(directory), "--runs-dir", directory, "--name", "run", "--interactive"];
    const special: Readonly<Record<string, string>> = {
      preset: "names\r",
      more: "yes\r",
      "n-head": "2\r",
      "block-size": "6\r",
      "num-steps": "20\r",
      "clip-norm": "2\r",
    };
    const answers = questionsOf({ bpe: false }).flatMap((question): [string, string][] =>
      question === "n-embd"
        ? [
            [`${question}: `, "zero\r"],
            ["expected a whole number", "\u007f\u007f\u007f\u007f8\r"],
          ]
        : [[`${question}: `, special[question] ?? "\r"]],
    );
    const { screen, exitCode } = await inTerminal(args, [...answers, ["Type the beginning", "q\r"]], {
      NO_COLOR: "1",
    });
    expect(screen).toContain('--n-embd: expected a whole number from 1 to 65536, got "zero"');
    expect(screen).toMatch(/model {6}[\d,]+ parameters: 1 layer, 8 wide, 2 heads, block 6/);
    const config = JSON.parse(readFileSync(join(directory, "run", "config.json"), "utf8")) as { options: object };
    expect(config.options).toMatchObject({ batchSize: 64, clipNorm: 2, schedule: "linear", numSteps: 20 });
    expect(exitCode).toBe(0);
  });

  test("Ctrl-C at a question trains nothing", async () => {
    const directory = workspace();
    const args = ["train", "--data", writeWords(directory), "--runs-dir", join(directory, "runs"), "--interactive"];
    const { screen, exitCode } = await inTerminal(args, [["preset: ", "\u0003"]]);
    expect(screen).toContain("Nothing was trained.");
    expect(exitCode).toBe(130);
    expect(existsSync(join(directory, "runs"))).toBe(false);
  });
});

describe.skipIf(!hasScript)("downloads at a terminal (skipped where util-linux's `script` is missing)", () => {
  test("have a bar each while they last, and a line each when they are done", async () => {
    const [size, line] = [3_000_000, `${"word ".repeat(19)}line\n`];
    const seen = { bars: false };
    // Half of it, then a line now and then until both bars have been seen, then the rest.
    const server = createServer((request, response) => {
      const length = request.url === "/known" ? { "content-length": size } : {};
      response.writeHead(request.url === "/robots.txt" ? 404 : 200, { "content-type": "text/plain", ...length });
      let left = size / line.length;
      const send = (lines: number): void => {
        left -= lines;
        response.write(line.repeat(lines));
      };
      send(left / 2);
      const timer = setInterval(() => {
        if (!seen.bars && left > 1) return send(1);
        clearInterval(timer);
        response.end(line.repeat(left));
      }, 20);
      response.on("close", () => clearInterval(timer));
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    onTestFinished(() => void server.close());
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
    const site = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const out = join(workspace(), "out.txt");
    const args = ["fetch", `${site}/known`, `${site}/unknown`, "--no-cache", "--out", out];
    const bar = (shown: string, path: string): RegExp =>
      new RegExp(`${shown} +[1-2]\\.\\d MB {2}http\\S+${path}\r$`, "m");
    const bars = [bar("█{7,19}░{1,13}", "/known"), bar("·{20}", "/unknown")];
    const { screen, exitCode } = await inTerminal(args, [], { NO_COLOR: "1" }, (soFar) => {
      seen.bars ||= bars.every((one) => one.test(soFar));
    });
    expect(exitCode).toBe(0);
    for (const one of bars) expect(screen).toMatch(one);
    expect(screen).toMatch(/fetched {4}http\S+\/known {2}3\.0 MB\r\n/);
    expect(readFileSync(out, "utf8")).toBe(`${"word ".repeat(19)}line\n`);
  });
});
