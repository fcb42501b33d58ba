import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = join(root, "src");
const text = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");

/** The picture's arrows, in its order: `library/ → text, training` is `["library", ["text", "training"]]`. */
function drawnRooms(): [room: string, imported: string[]][] {
  const [, picture] = /^```text\n(.*?)^```$/ms.exec(text) ?? [];
  const lines = picture.matchAll(/^ +│ +([a-z]+)\/ *(?:→ *([a-z, ]+?))? *│$/gm);
  return [...lines].map(([, room, rooms]) => [room, rooms?.split(", ") ?? []]);
}

/** The same from the code: for each folder of src/, the other folders that its files import. */
function realRooms(): Map<string, Set<string>> {
  const statements = /^(?:import|export|\}) ?[^"=;]*?from "(\.[^"]+)";|^import "(\.[^"]+)";|\bimport\("(\.[^"]+)"\)/gm;
  const rooms = new Map<string, Set<string>>();
  for (const file of readdirSync(source, { recursive: true, encoding: "utf8" })) {
    const [room, ...rest] = file.replaceAll("\\", "/").split("/");
    if (rest.length === 0 || !file.endsWith(".ts")) continue;
    const imported = rooms.get(room) ?? new Set();
    rooms.set(room, imported);
    for (const match of readFileSync(join(source, file), "utf8").matchAll(statements)) {
      const path = relative(source, join(source, dirname(file), match[1] ?? match[2] ?? match[3]));
      const [other, ...inside] = path.replaceAll("\\", "/").split("/");
      if (inside.length > 0 && other !== room) imported.add(other);
    }
  }
  return rooms;
}

test("the arrows of the picture are the imports of the code, and none points down", () => {
  const drawn = drawnRooms();
  const real = realRooms();
  const order = drawn.map(([room]) => room);
  expect(order.toSorted()).toEqual([...real.keys()].toSorted());
  const expected = drawn.map(([room, imported]) => [room, imported.toSorted()]);
  expect(expected).toEqual(order.map((room) => [room, [...real.get(room)!].toSorted()]));
  for (const [room, imported] of drawn) {
    for (const other of imported) expect(order.indexOf(other)).toBeLessThan(order.indexOf(room));
  }
});

test("every file that ARCHITECTURE.md names is there", () => {
  const named = [...text.matchAll(/`((?:[a-z-]+\/)+(?:[a-z-]+\.(?:test\.)?ts)?)`/g)].map(([, path]) => path);
  expect(named.length).toBeGreaterThan(50);
  const missing = named.filter(
    (path) => ![root, source, join(source, "backend")].some((at) => existsSync(join(at, path))),
  );
  expect(missing).toEqual([]);
});

test("ARCHITECTURE.md has at most 150 lines", () => {
  expect(text.split("\n").length - 1).toBeLessThanOrEqual(150);
});
