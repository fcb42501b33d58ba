import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { BUGS } from "./seeded-bugs/bugs.ts";

test("there are twenty seeded bugs and more, all different", () => {
  expect(BUGS.length).toBeGreaterThanOrEqual(20);
  expect(new Set(BUGS.map(({ name }) => name)).size).toBe(BUGS.length);
});

// That each is found is shown by `npm run test:bugs`; here, that it has not lost its place in the source.
test.each(BUGS)("$name: can be put into $file", ({ file, from, to }) => {
  const source = readFileSync(new URL(`../${file}`, import.meta.url), "utf8");
  expect(source.split(from)).toHaveLength(2);
  expect(to).not.toBe(from);
});
