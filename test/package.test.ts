import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { build } from "vite";
import { sharedWorkspace } from "./setup/microgpt.ts";

/** What users get, as npm packs it, installed beside their own files; without the playground, which nothing here needs. */
let user = "";
let packed: readonly string[] = [];

beforeAll(() => {
  user = sharedWorkspace();
  const pack = ["pack", "--ignore-scripts", "--json", "--pack-destination", user];
  const output = execFileSync("npm", pack, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const [{ filename, files }] = JSON.parse(output) as [{ filename: string; files: { path: string }[] }];
  packed = files.map(({ path }) => path);
  const own = join(user, "node_modules", "microgpt");
  mkdirSync(own, { recursive: true });
  execFileSync("tar", ["xzf", join(user, filename), "-C", own, "--strip-components", "1"]);
});

test("the package has no file of the compiler's own", () => {
  expect(packed).toContain("dist/cli.js");
  expect(packed.filter((path) => path.includes("tsbuildinfo"))).toEqual([]);
});

test("every link of the README leads to a file of the package, a folder of it, or the web", () => {
  const links = [...readFileSync("README.md", "utf8").matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link);
  const own = links.filter((link) => !/^(?:https:|#)/.test(link)).map((link) => link.replace(/[#?].*/, ""));
  expect(own.length).toBeGreaterThan(20);
  const isThere = (link: string): boolean => packed.some((path) => path === link || path.startsWith(`${link}/`));
  expect(own.filter((link) => !isThere(link))).toEqual([]);
});

const CONSUMER = `
import { train, wasmBackend, type Model } from "microgpt";
import { gpt, Value } from "microgpt/core";
import { Random } from "microgpt/random";
export const model: Promise<Model> = train(["ada", "grace"], { numSteps: 10 });
export const seen: readonly unknown[] = [wasmBackend, gpt, new Value(1), new Random(42)];
`;

test.each([
  ["nodenext", "in Node", ["node"]],
  ["bundler", "in Node", ["node"]],
  ["bundler", "in a page, without Node's types", []],
])("its types compile under TypeScript 5.9 (%s, %s), without skipLibCheck", (moduleResolution, _, types) => {
  const { resolve: find } = createRequire(import.meta.url);
  const module = moduleResolution === "nodenext" ? "nodenext" : "esnext";
  const lib = { target: "es2023", lib: ["es2023", "dom", "dom.iterable"] };
  const strict = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false };
  const typeRoots = [resolve("node_modules/@types")];
  const options = { ...lib, ...strict, module, moduleResolution, types, typeRoots, noEmit: true };
  writeFileSync(join(user, "page.ts"), CONSUMER);
  writeFileSync(join(user, "node.ts"), 'export * as node from "microgpt/node";\n');
  const files = types.length > 0 ? ["page.ts", "node.ts"] : ["page.ts"];
  writeFileSync(join(user, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files }));
  const tsc = join(dirname(find("typescript-5.9/package.json")), "bin", "tsc");
  const { stdout } = spawnSync(process.execPath, [tsc, "-p", user], { encoding: "utf8" });
  expect(stdout).toBe("");
});

test("a page that uses the library is bundled without names.txt, which only `node microgpt.js` reads", async () => {
  const page = join(user, "page");
  mkdirSync(join(page, "node_modules"), { recursive: true });
  symlinkSync(join(user, "node_modules", "microgpt"), join(page, "node_modules", "microgpt"));
  writeFileSync(join(page, "index.html"), '<script type="module" src="./main.js"></script>');
  writeFileSync(join(page, "main.js"), 'import { train } from "microgpt"; console.log(train);');
  const built = await build({ root: page, configFile: false, logLevel: "error", build: { write: false } });
  const names = [built].flat().flatMap((one) => ("output" in one ? one.output.map(({ fileName }) => fileName) : []));
  expect(names).toContain("index.html");
  expect(names.filter((name) => name.endsWith(".txt"))).toEqual([]);
});
