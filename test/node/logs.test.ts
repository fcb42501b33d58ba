import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32c as otherCrc32c } from "@node-rs/crc32";
import * as fc from "fast-check";
import protobuf from "protobufjs";
import { describe, expect, test } from "vitest";
import { crc32c, record } from "../../src/node/event-log.ts";
import { microgptHere, TINY, trained, workspace, writeWords } from "../setup/microgpt.ts";
import { start, until } from "../setup/trainer.ts";

interface Line {
  readonly step: number;
  readonly loss?: number;
  readonly learningRate?: number;
  readonly heldOutLoss?: number;
}

const linesOf = (run: string): Line[] =>
  readFileSync(join(run, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);

describe("--log csv", () => {
  test("has a row for each step, with the evaluation after it, as metrics.jsonl has them in two lines", () => {
    const { run } = trained("--log", "csv");
    const [head, ...rows] = readFileSync(join(run, "metrics.csv"), "utf8").trim().split("\n");
    expect(head).toBe("step,loss,learningRate,heldOutLoss,skipped");
    const back = rows.map((row) => {
      const [step, loss, learningRate, heldOutLoss] = row
        .split(",")
        .map((field) => (field === "" ? undefined : Number(field)));
      return JSON.parse(JSON.stringify({ step, loss, learningRate, heldOutLoss })) as Line;
    });
    const lines = linesOf(run);
    const merged = lines
      .filter(({ loss }) => loss !== undefined)
      .map((line) => {
        const evaluation = lines.find(({ step, heldOutLoss }) => step === line.step && heldOutLoss !== undefined);
        return evaluation === undefined ? line : { ...line, heldOutLoss: evaluation.heldOutLoss };
      });
    expect(back).toEqual(merged);
    expect(back.map(({ step }) => step)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
  });

  test("is the same however often the training was killed", async () => {
    const directory = workspace();
    const common = ["--data", writeWords(directory), "--runs-dir", directory, ...TINY, "--num-steps", "3000"];
    const more = ["--save-interval", "50", "--log", "csv,tensorboard"];
    expect((await microgptHere(["train", ...common, ...more, "--name", "calm"])).exitCode).toBe(0);
    const killed = start(["train", ...common, ...more, "--name", "killed"]);
    await until(
      "something is saved",
      () =>
        existsSync(join(directory, "killed", "checkpoints")) &&
        readdirSync(join(directory, "killed", "checkpoints")).some((name) => name.startsWith("step-")),
    );
    killed.kill("SIGKILL");
    await killed.ended;
    expect((await microgptHere(["resume", join(directory, "killed")])).exitCode).toBe(0);
    const [calm, other] = ["calm", "killed"].map((name) => readFileSync(join(directory, name, "metrics.csv"), "utf8"));
    expect(other).toBe(calm);
    // What TensorBoard shows of the two is the same, too: its reader forgets what is void.
    const curves = ["calm", "killed"].map((name) => visible(eventsOf(join(directory, name))));
    expect(curves[1]).toEqual(curves[0]);
    expect(curves[0].size).toBe(3);
  });
});

/** The messages' definitions, from TensorFlow's documentation; protobufjs reads what pbf has written. */
const Event = protobuf
  .parse(
    `syntax = "proto3";
  message Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; SessionLog session_log = 7; }
  message Summary { message Value { string tag = 1; float simple_value = 2; } repeated Value value = 1; }
  message SessionLog { int32 status = 1; }`,
    { keepCase: true },
  )
  .root.lookupType("Event");

interface Decoded {
  readonly wall_time: number;
  readonly step: number;
  readonly file_version?: string;
  readonly summary?: { readonly value: readonly { readonly tag: string; readonly simple_value: number }[] };
  readonly session_log?: { readonly status: number };
}

/** An independent reader of TFRecords: lengths, both checksums, messages. A torn end is left out, as TensorBoard does. */
function readEvents(path: string): Decoded[] {
  const bytes = readFileSync(path);
  const unmask = (crc: number): number => {
    const turned = (crc - 0xa282ead8) >>> 0;
    return ((turned >>> 17) | (turned << 15)) >>> 0;
  };
  const events: Decoded[] = [];
  for (let place = 0; place + 12 <= bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(place));
    if (place + 16 + length > bytes.length) break;
    const isWhole = unmask(bytes.readUInt32LE(place + 8)) === otherCrc32c(bytes.subarray(place, place + 8));
    const data = bytes.subarray(place + 12, place + 12 + length);
    if (!isWhole || unmask(bytes.readUInt32LE(place + 12 + length)) !== otherCrc32c(data)) expect.fail(`at ${place}`);
    events.push(Event.toObject(Event.decode(data), { longs: Number }) as Decoded);
    place += 16 + length;
  }
  return events;
}

const eventsOf = (run: string): Decoded[] =>
  readdirSync(join(run, "tensorboard"))
    .toSorted()
    .flatMap((name) => readEvents(join(run, "tensorboard", name)));

/** What TensorBoard keeps: a session that starts at a step makes all before it void that is of that step or later. */
function visible(events: readonly Decoded[]): Map<string, [step: number, value: number][]> {
  const curves = new Map<string, [number, number][]>();
  for (const { step = 0, summary, session_log } of events) {
    if (session_log?.status === 1) {
      for (const [tag, points] of curves)
        curves.set(
          tag,
          points.filter(([at]) => at < step),
        );
    }
    for (const { tag, simple_value } of summary?.value ?? [])
      curves.set(tag, [...(curves.get(tag) ?? []), [step, simple_value]]);
  }
  return curves;
}

describe("--log tensorboard", () => {
  test("an independent reader finds every loss, held-out loss and learning rate", () => {
    const { run } = trained("--log", "tensorboard");
    const events = eventsOf(run);
    expect(events[0]).toMatchObject({ file_version: "brain.Event:2" });
    expect(Math.abs(events[0].wall_time - Date.now() / 1000)).toBeLessThan(600);
    const lines = linesOf(run);
    const of = (key: keyof Line): [number, number][] =>
      lines.flatMap((line) => (line[key] === undefined ? [] : [[line.step, Math.fround(line[key])]]));
    expect(visible(events)).toEqual(
      new Map([
        ["loss/train", of("loss")],
        ["learning-rate", of("learningRate")],
        ["loss/held-out", of("heldOutLoss")],
      ]),
    );
    expect(of("loss")).toHaveLength(30);
  });

  test("a run that was killed before its first save begins its curves anew", async () => {
    const directory = workspace();
    const args = ["train", "--data", writeWords(directory), "--runs-dir", directory, "--name", "run", ...TINY];
    const more = ["--num-steps", "4000", "--eval-interval", "4000", "--save-interval", "4000", "--log", "tensorboard"];
    const killed = start([...args, ...more]);
    const file = (): string[] =>
      existsSync(join(directory, "run", "tensorboard")) ? readdirSync(join(directory, "run", "tensorboard")) : [];
    await until("events are written", () =>
      file().some((name) => readFileSync(join(directory, "run", "tensorboard", name)).length > 1000),
    );
    killed.kill("SIGKILL");
    await killed.ended;
    expect(readdirSync(join(directory, "run", "checkpoints"))).toEqual([]);
    expect((await microgptHere(["resume", join(directory, "run")])).exitCode).toBe(0);
    expect(file()).toHaveLength(2);
    expect(visible(eventsOf(join(directory, "run"))).get("loss/train")).toHaveLength(4000);
  });

  test("a file that a kill has torn hides nothing of the next one", () => {
    const { run } = trained("--log", "tensorboard");
    const [name] = readdirSync(join(run, "tensorboard"));
    const path = join(run, "tensorboard", name);
    const whole = readEvents(path).length;
    truncateSync(path, readFileSync(path).length - 5);
    expect(readEvents(path)).toHaveLength(whole - 1);
  });

  test("CRC-32C is Castagnoli's: RFC 3720's examples, and a library's answers for 1,000 texts", () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => crc32c(bytes) === otherCrc32c(bytes)),
      { numRuns: 1000 },
    );
    expect(record(new Uint8Array(3))).toHaveLength(19);
  });

  const python = process.env.MICROGPT_TENSORBOARD_PYTHON ?? "python3";
  const hasTensorBoard = spawnSync(python, ["-c", "import tensorboard"]).status === 0;
  test.skipIf(!hasTensorBoard)(
    "TensorBoard's own reader shows the same (skipped where Python has no tensorboard)",
    () => {
      const { run } = trained("--log", "tensorboard");
      const script = `import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0}).Reload()
print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}))`;
      const { stdout } = spawnSync(python, ["-c", script, join(run, "tensorboard")], { encoding: "utf8" });
      expect(new Map(Object.entries(JSON.parse(stdout) as object))).toEqual(visible(eventsOf(run)));
    },
  );

  test("a log that is none is refused", async () => {
    const { exitCode, stderr } = await microgptHere(["train", "--log", "wandb"], { cwd: workspace() });
    expect(stderr).toBe('microgpt: --log: expected one of csv, tensorboard; got "wandb"\n');
    expect(exitCode).toBe(2);
  });
});

describe("--hook", () => {
  const hook = (directory: string, text: string): string => {
    const path = join(directory, "hook.mjs");
    writeFileSync(path, text);
    return path;
  };
  const args = (directory: string): string[] => [
    "train",
    "--data",
    writeWords(directory),
    "--runs-dir",
    directory,
    "--name",
    "run",
    ...TINY,
  ];

  test("hears what --json prints, of a training and of all runs of a sweep", async () => {
    const directory = workspace();
    const path = hook(
      directory,
      `import { appendFileSync } from "node:fs";
      export default (event) => appendFileSync(${JSON.stringify(join(directory, "heard"))}, JSON.stringify(event) + "\\n");`,
    );
    const { stdout, exitCode } = await microgptHere([...args(directory), "--hook", path, "--json"]);
    expect(exitCode).toBe(0);
    expect(readFileSync(join(directory, "heard"), "utf8")).toBe(stdout);
    writeFileSync(join(directory, "heard"), "");
    const sweep = ["sweep", "--grid", "n-layer=1,2", ...args(directory).slice(1)].map((arg) =>
      arg === "run" ? "sweep" : arg,
    );
    expect((await microgptHere([...sweep, "--hook", "hook.mjs"], { cwd: directory })).exitCode).toBe(0);
    const heard = readFileSync(join(directory, "heard"), "utf8");
    expect(heard.match(/"event":"result"/g)).toHaveLength(2);
    expect(heard).toContain("02_n-layer-2");
  });

  test.each([
    ["throws", "export default () => { throw new Error('no such table'); };"],
    ["breaks its promise", "export default async () => { throw new Error('no such table'); };"],
  ])("one that %s is not called again, and is warned about once; the training continues", async (_, text) => {
    const directory = workspace();
    const { stdout, stderr, exitCode } = await microgptHere([...args(directory), "--hook", hook(directory, text)]);
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^microgpt: warning: --hook \S+hook\.mjs: no such table; it will not be called again\n$/);
    expect(stdout).toContain("sample  1:");
  });

  test.each([
    ["nowhere.mjs", null, /^--hook: cannot load nowhere\.mjs: Cannot find module/],
    ["hook.mjs", "export const hook = 1;", /^--hook: hook\.mjs must export a function/],
    ["hook.mjs", "export default (", /^--hook: cannot load hook\.mjs: /],
  ])("%s is refused before anything is written: %j", async (name, text, message) => {
    const directory = workspace();
    if (text !== null) hook(directory, text);
    const { stderr, exitCode } = await microgptHere([...args(directory), "--hook", name], { cwd: directory });
    expect(stderr).toMatch(/^microgpt: [^\n]+\n$/);
    expect(stderr.slice("microgpt: ".length)).toMatch(message);
    expect(exitCode).toBe(2);
    expect(existsSync(join(directory, "run"))).toBe(false);
  });
});
