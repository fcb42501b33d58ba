import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { CLI, microgptHere, TINY, workspace, writeWords } from "../setup/microgpt.ts";

/** Writes a text, and the folders above it. */
function write(directory: string, path: string, text: string): void {
  mkdirSync(dirname(join(directory, path)), { recursive: true });
  writeFileSync(join(directory, path), text);
}

type Event = Record<string, unknown>;

interface Trained {
  readonly documents: unknown;
  readonly warnings: readonly string[];
  readonly saved: readonly unknown[];
}

const TRAIN = ["train", ...TINY, "--val-fraction", "0", "--num-samples", "0", "--save-interval", "2", "--json"];

async function train(cwd: string, ...more: string[]): Promise<Trained> {
  const { exitCode, stdout, stderr } = await microgptHere([...TRAIN, "--num-steps", "4", ...more], { cwd });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  const events = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Event);
  const of = (kind: string): Event[] => events.filter(({ event }) => event === kind);
  return {
    documents: of("begin")[0].documents,
    warnings: of("warning").map(({ message }) => String(message)),
    saved: of("saved").map(({ step }) => step),
  };
}

/** Takes the last checkpoint away, as if the run had been stopped before it; resumes; compares the model. */
async function resumes(run: string, cwd: string): Promise<void> {
  const model = readFileSync(join(run, "model.safetensors"));
  rmSync(join(run, "checkpoints", "step-000004.safetensors"));
  rmSync(join(run, "model.safetensors"));
  expect(await microgptHere(["resume", run], { cwd })).toMatchObject({ exitCode: 0, stderr: "" });
  expect(readFileSync(join(run, "model.safetensors"))).toEqual(model);
}

describe("--data .", () => {
  test("a run that began with the folder it is in can be resumed, and the next learns the same", async () => {
    const directory = workspace();
    writeWords(directory);
    expect(await train(directory, "--data", ".", "--name", "one")).toMatchObject({ documents: 40, warnings: [] });
    await resumes(join(directory, "runs", "one"), directory);
    const { documents, warnings } = await train(directory, "--data", ".", "--name", "two");
    expect({ documents, warnings }).toEqual({
      documents: 40,
      warnings: [`left out of ${directory}: the directory of runs (runs)`],
    });
    await resumes(join(directory, "runs", "one"), directory);
    await resumes(join(directory, "runs", "two"), workspace());
  });

  test("what else is in the directory of runs, whatever its name, is left out, too", async () => {
    const directory = workspace();
    writeWords(directory);
    write(directory, "deep/models/notes.txt", "a note\n");
    const more = ["--data", ".", "--runs-dir", "deep/models", "--name", "one"];
    expect(await train(directory, ...more)).toMatchObject({
      documents: 40,
      warnings: [`left out of ${directory}: the directory of runs (deep/models)`],
    });
    await resumes(join(directory, "deep/models/one"), directory);
  });

  test("but it is read where the texts are in it, without its runs and sweeps", async () => {
    const directory = workspace();
    writeWords(directory);
    write(directory, "more/more.txt", "one more\n");
    const here = ["--runs-dir", directory];
    await train(directory, "--data", ".", ...here, "--name", "one");
    const sweep = ["sweep", "--grid", "n-layer=1,2", "--data", ".", ...TINY, ...here, "--name", "many", "--json"];
    const small = ["--num-steps", "2", "--num-samples", "0", "--jobs", "1"];
    expect(await microgptHere([...sweep, ...small], { cwd: directory })).toMatchObject({ exitCode: 0 });
    expect(await train(directory, "--data", ".", ...here, "--name", "two")).toMatchObject({
      documents: 41,
      warnings: [`left out of ${directory}: runs of microgpt (one); sweeps of microgpt (many)`],
    });
    await resumes(join(directory, "one"), directory);
    const run = join(directory, "many", "runs", "01_n-layer-1");
    rmSync(join(run, "result.json"));
    expect(await microgptHere(["resume", run], { cwd: directory })).toMatchObject({ exitCode: 0, stderr: "" });
    // The sweep reads its texts again where their encoded form is missing.
    const prepared = join(directory, "many", "prepared");
    for (const name of readdirSync(prepared)) rmSync(join(prepared, name));
    const again = await microgptHere(["sweep", "--resume", join(directory, "many")], { cwd: directory });
    expect(again).toMatchObject({ exitCode: 0 });
  });

  test("a run that was copied there, node_modules, the cache and hidden folders are left out in one sentence", async () => {
    const directory = workspace();
    writeWords(directory);
    for (const path of ["node_modules/a/readme.txt", "sub/node_modules/b.txt", ".git/config", ".cache/x.txt"]) {
      write(directory, path, "not mine\n");
    }
    write(directory, "pages/1.txt", "cached\n");
    write(directory, "config.json", '{ "format": "another" }\n');
    const elsewhere = workspace();
    await train(directory, "--data", "words.txt", "--runs-dir", elsewhere, "--name", "one");
    cpSync(join(elsewhere, "one"), join(directory, "backup"), { recursive: true });
    const more = ["--data", ".", "--cache-dir", "pages", "--runs-dir", elsewhere];
    const { documents, warnings } = await train(directory, ...more);
    expect(documents).toBe(41); // a config.json alone makes no run
    expect(warnings).toEqual([
      `left out of ${directory}: hidden folders (.cache, .git); node_modules (node_modules, sub/node_modules); ` +
        "runs of microgpt (backup); the cache (pages)",
    ]);
  });

  test("a pattern leaves out the same, and a folder that is named itself is read", async () => {
    const directory = workspace();
    writeWords(directory);
    write(directory, "runs/old/note.txt", "a note\n");
    expect(await train(directory, "--data", "**/*.txt")).toMatchObject({
      documents: 40,
      warnings: [`left out of ${directory}: the directory of runs (runs)`],
    });
    expect(await train(directory, "--data", "runs/old", "words.txt")).toMatchObject({ documents: 41, warnings: [] });
    expect(await train(directory, "--data", "runs/old/*.txt")).toMatchObject({ documents: 1, warnings: [] });
  });
});

describe("brackets and parentheses", () => {
  const names = ["texts [old]", "texts (old)", "a{b,c}", "what?", "[x]/(y)/z"];
  test.each(names)("in a folder's name are a name: %s", async (name) => {
    const directory = workspace();
    write(directory, `${name}/a.txt`, "one\ntwo\n");
    write(directory, `${name}/deep/b.txt`, "three\n");
    write(directory, `${name}/deep/c.md`, "four\n");
    const documents = async (data: string): Promise<unknown> => (await train(directory, "--data", data)).documents;
    expect(await documents(name)).toBe(4);
    expect(await documents(`${name}/*.txt`)).toBe(2);
    expect(await documents(`${name}/**/*.txt`)).toBe(3);
    expect(await documents(join(directory, name, "d*", "@(b|c).*"))).toBe(2);
    expect(await documents(`${name}/deep/../deep/[a-b].txt`)).toBe(1);
    const { exitCode, stderr } = await microgptHere(["tokenize", "--data", `${name}/none.txt`], { cwd: directory });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: expect.stringMatching(/^microgpt: cannot read [^\n]*none\.txt"?: there is no such file \(ENOENT\)\n$/),
    });
  });

  test("are a pattern where no such folder is", async () => {
    const directory = workspace();
    write(directory, "old/a.txt", "one\n");
    write(directory, "new/a.txt", "two\n");
    expect((await train(directory, "--data", "{old,new}/*.txt")).documents).toBe(2);
    expect((await train(directory, "--data", "[m-o]*/a.txt")).documents).toBe(2);
  });
});

describe("what cannot be read", () => {
  test("links below a folder are not followed, nowhere, upwards or outside, and said once; one that is named is", async () => {
    const directory = workspace();
    write(directory, "d/a.txt", "one\n");
    write(directory, "other/b.txt", "two\nthree\n");
    const links = { nowhere: "nowhere", up: "..", other: "../other", file: "../other/b.txt", proc: "/proc" };
    for (const [name, target] of Object.entries(links)) symlinkSync(target, join(directory, "d", name));
    const { documents, warnings } = await train(directory, "--data", "d");
    expect({ documents, warnings }).toEqual({
      documents: 1,
      warnings: [`left out of ${join(directory, "d")}: 5 symbolic links`],
    });
    expect((await train(directory, "--data", "d/other")).documents).toBe(2);
    expect((await train(directory, "--data", "d/file")).documents).toBe(2);
  });

  // Nothing is closed to root, so root gives that right up. (As another user it could not read a clone in a private folder.)
  const isRoot = process.getuid?.() === 0;
  const restricted = isRoot ? ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"] : [];
  const canRestrict = !isRoot || spawnSync(restricted[0], [...restricted.slice(1), "true"]).status === 0;
  const asUser = (
    args: readonly string[],
    cwd: string,
  ): { exitCode: number | null; stdout: string; stderr: string } => {
    const [program, ...rest] = [...restricted, process.execPath, CLI, ...args];
    const env = { ...process.env, HOME: cwd, XDG_CACHE_HOME: cwd };
    const { status, stdout, stderr } = spawnSync(program, rest, { encoding: "utf8", cwd, env });
    return { exitCode: status, stdout, stderr };
  };

  test.skipIf(process.platform === "win32" || !canRestrict)("a subfolder is said, and the rest is learnt", () => {
    const directory = workspace();
    write(directory, "d/open/a.txt", "one\ntwo\n");
    write(directory, "d/closed/more.txt", "three\n");
    for (const path of ["", "d", "d/open"]) chmodSync(join(directory, path), 0o777);
    chmodSync(join(directory, "d/closed"), 0o000);
    const closed = join(directory, "d/closed");
    const reason = `cannot read ${closed}: permission denied (EACCES)`;
    const learnt = asUser(["tokenize", "--data", "d", "--tokenizer", "char", "--json"], directory);
    expect(learnt).toMatchObject({ exitCode: 0, stderr: `microgpt: warning: left out: ${reason}\n` });
    expect(JSON.parse(learnt.stdout)).toMatchObject({ tokens: 6 });
    const named = asUser(["tokenize", "--data", "d/closed", "--tokenizer", "char"], directory);
    expect(named).toEqual({ exitCode: 2, stdout: "", stderr: `microgpt: ${reason}\n` });
    const below = asUser(["tokenize", "--data", "d/closed/more.txt"], directory);
    expect(below).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/^microgpt: cannot read [^\n]+\n$/) });
    chmodSync(closed, 0o777);
  });
});
