/** A plugin for vite: `virtual:variants` has src/microgpt.ts once for each change of one line in `pages/break/variants.ts`. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";
import { broken, VARIANTS } from "../pages/break/variants.ts";

const INDEX = "virtual:variants";
const source = fileURLToPath(new URL("../../src/microgpt.ts", import.meta.url));
/** A variant's module lies beside the source, where its imports lead to the same files. */
const idOf = (name: string): string => source.replace(/\.ts$/, `.${name}.ts`);

/** The plugin; pages and workers need one each. */
export function variants(): Plugin {
  return {
    name: "microgpt-variants",
    resolveId(id) {
      if (id === INDEX) return `\0${INDEX}`;
      return id.startsWith(`${INDEX}/`) ? idOf(id.slice(INDEX.length + 1)) : null;
    },
    load(id) {
      if (id === `\0${INDEX}`) return indexOfVariants();
      const variant = VARIANTS.find(({ name }) => idOf(name) === id);
      return variant === undefined ? null : broken(readFileSync(source, "utf8"), variant);
    },
  };
}

function indexOfVariants(): string {
  const entries = VARIANTS.map(({ name }) => `  "${name}": () => import("${INDEX}/${name}"),\n`);
  return `export const cores = {\n${entries.join("")}};\n`;
}
