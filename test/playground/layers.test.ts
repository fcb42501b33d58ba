/** The folders of `playground/` and what each may import; every custom element is defined once. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { widgetFiles } from "../setup/chromium.ts";

/** Lowest first: a file imports from its own folder and from those before it. */
const FOLDERS = ["texts", "design", "run", "storage", "widgets", "shell", "model-page", "pages"];
/** Folders of the build and of the service worker, which stand apart. */
const APART = ["build", "public", "service-worker"];
/** What loads the pages: the shell's table of them, on demand. */
const TABLE = "shell/routes.ts";

const root = fileURLToPath(new URL("../../playground", import.meta.url));
const files = readdirSync(root, { recursive: true, encoding: "utf8" })
  .map((path) => path.replaceAll("\\", "/"))
  .filter((path) => path.endsWith(".ts") && FOLDERS.includes(path.split("/")[0]));

const textOf = (file: string): string => readFileSync(join(root, file), "utf8");

/** Files of the playground that a file imports, relative to its root. */
function importsOf(file: string): string[] {
  const statements = /^(?:import|export|\}) ?[^"=;]*?from "([^"]+)";|^import "([^"]+)";|\bimport\("([^"]+)"\)/gm;
  const names = [...textOf(file).matchAll(statements)].map((match) => match[1] ?? match[2] ?? match[3]);
  return names
    .filter((name) => name.startsWith("."))
    .map((name) => relative(root, join(root, dirname(file), name)).replaceAll("\\", "/"))
    .filter((name) => !name.startsWith(".."));
}

/** A page's own folder, such as `pages/play`; other folders have one level. */
const roomOf = (file: string): string =>
  file
    .split("/")
    .slice(0, file.startsWith("pages/") ? 2 : 1)
    .join("/");

test("the folders of playground/ are the listed ones", () => {
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map(({ name }) => name).toSorted()).toEqual([...FOLDERS, ...APART].toSorted());
});

test.each(files)("%s imports from its folder and lower ones only, and from no other page", (file) => {
  const level = (name: string): number => FOLDERS.indexOf(name.split("/")[0]);
  const isAllowed = (imported: string): boolean =>
    roomOf(imported) === roomOf(file) || level(imported) < level(file) || file === TABLE;
  expect(importsOf(file).filter((imported) => !isAllowed(imported))).toEqual([]);
});

test("no custom element has two definitions: the second one would throw where both pages are opened", () => {
  const tags = files.flatMap((file) =>
    [...textOf(file).matchAll(/customElements\.define\("([^"]+)"/g)].map(([, tag]) => tag),
  );
  expect(tags.length).toBeGreaterThan(30);
  expect(tags.filter((tag, i) => tags.indexOf(tag) !== i)).toEqual([]);
});

test("every element of widgets/ has a test file of its own", () => {
  const elements = files.filter(
    (file) => file.startsWith("widgets/") && textOf(file).includes("customElements.define("),
  );
  const tested = widgetFiles().map((name) => `widgets/${name.replace(".test.ts", ".ts")}`);
  expect(elements.length).toBeGreaterThan(10);
  expect(elements.toSorted()).toEqual(tested.toSorted());
});

test("a file of the playground has at most 300 lines", () => {
  const long = files.filter((file) => textOf(file).split("\n").length - 1 > 300);
  expect(long).toEqual([]);
});
