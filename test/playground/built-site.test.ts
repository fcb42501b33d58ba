/** The files of the built site: each is one that a page loads. */
import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const SITE = fileURLToPath(new URL("../../dist/playground", import.meta.url));
const assets = readdirSync(join(SITE, "assets"));
const textOf = (file: string): string => readFileSync(join(SITE, file), "utf8");

test("the assets are code, styles and the trained model: the texts are within the code", () => {
  const others = assets.filter((name) => !/\.(?:js|css)$/.test(name));
  expect(others.map(extname)).toEqual([".safetensors"]);
});

test("every asset is named in a page, or in another asset", () => {
  const sources = [
    "index.html",
    ...assets.filter((name) => /\.(?:js|css)$/.test(name)).map((name) => `assets/${name}`),
  ];
  const texts = sources.map((file) => ({ file, text: textOf(file) }));
  const unused = assets.filter((name) => !texts.some(({ file, text }) => !file.endsWith(name) && text.includes(name)));
  expect(unused).toEqual([]);
});
