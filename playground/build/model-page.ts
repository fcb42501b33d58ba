/**
 * Builds the page of one model (`model-page/`) as a single file, which `src/export/page.ts` fills with a model, or for a server.
 * Its policy names the hashes of its script and its style, so nothing that is filled in can run. It is not part of the site:
 * `npm run build` makes it with the command that fills it.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "vite";
import type { Plugin } from "vite";
import { coreWithoutNames } from "./core-without-names.ts";

const FOLDER = join(import.meta.dirname, "../model-page");

/** The page, with the placeholders of `fillPage` in it. Throws Error if a bundle would end its element. */
export async function buildModelPage(): Promise<string> {
  const { script, style } = await bundle();
  const sources = {
    "default-src": "'none'",
    "script-src": `${hashOf(script)} 'wasm-unsafe-eval'`,
    "style-src": hashOf(style),
    "img-src": "data:",
    "connect-src": "%CONNECT%",
    "base-uri": "'none'",
    "form-action": "'none'",
  };
  const policy = Object.entries(sources).map(([name, source]) => `${name} ${source}`);
  const values: Readonly<Record<string, string>> = { POLICY: policy.join("; "), SCRIPT: script, STYLE: style };
  // No white space around what is filled in: the hashes are of the whole content of an element.
  const html = readFileSync(join(FOLDER, "index.html"), "utf8").replaceAll(/\n\s*/g, "\n");
  return html.replaceAll(
    /\n?%(POLICY|SCRIPT|STYLE|DATA|WEIGHTS)%\n?/g,
    (found, name: string) => values[name] ?? found.trim(),
  );
}

const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** A GPU's kernels are a quarter of the library, and a page of one small model has no use for them. */
const withoutGpu: Plugin = {
  name: "microgpt:without-gpu",
  load: { filter: { id: /\/src\/library\/gpu\.ts$/ }, handler: () => "export {};" },
};

async function bundle(): Promise<{ script: string; style: string }> {
  const built = await build({
    configFile: false,
    publicDir: false,
    logLevel: "warn",
    plugins: [coreWithoutNames(), withoutGpu],
    define: { "import.meta": "({})" },
    build: {
      write: false,
      target: "es2023",
      modulePreload: false,
      cssCodeSplit: false,
      rolldownOptions: {
        checks: { pluginTimings: false },
        input: join(FOLDER, "main.ts"),
        output: { format: "iife", entryFileNames: "page.js" },
      },
    },
  });
  const files = (Array.isArray(built) ? built : [built]).flatMap((one) => ("output" in one ? one.output : []));
  const script = files.flatMap((file) => (file.type === "chunk" ? [file.code] : [])).join("");
  const style = files
    .flatMap((file) => (file.type === "asset" && file.fileName.endsWith(".css") ? [String(file.source)] : []))
    .join("");
  if (/<\/script|<!--/i.test(script) || style.includes("</style"))
    throw new Error("model page: a file would end its element");
  if (script === "" || style === "") throw new Error("model page: the script or the style is missing");
  return { script: script.trim(), style: style.trim() };
}
