/** Builds the service worker after the site, because it must know the site's files: to `service-worker.js` at the root. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { build } from "vite";
import type { Plugin } from "vite";

const SOURCE = join(import.meta.dirname, "../service-worker/service-worker.ts");
const NAME = "service-worker.js";

/** The plugin. The name of the file is always the same: browsers look there for a newer version. */
export function serviceWorker(): Plugin {
  return {
    name: "microgpt:service-worker",
    apply: "build",
    writeBundle: {
      order: "post",
      sequential: true,
      async handler({ dir }) {
        if (dir !== undefined) await buildServiceWorker(dir);
      },
    },
  };
}

async function buildServiceWorker(site: string): Promise<void> {
  const files = filesOf(site);
  const define = { SITE_FILES: JSON.stringify(files), SITE_VERSION: JSON.stringify(versionOf(site, files)) };
  await build({
    configFile: false,
    publicDir: false,
    logLevel: "warn",
    define,
    build: {
      outDir: site,
      emptyOutDir: false,
      target: "es2023",
      // A script, not a module: Firefox registers modules only since a short time.
      rolldownOptions: { input: SOURCE, output: { format: "iife", entryFileNames: NAME } },
    },
  });
}

/** Paths of all files of the site, sorted. */
function filesOf(site: string): string[] {
  const entries = readdirSync(site, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map(({ parentPath, name }) => relative(site, join(parentPath, name)).replaceAll("\\", "/"));
  return paths.filter((path) => path !== NAME && !path.endsWith(".map")).toSorted();
}

/** A hash of all files: the same site is the same version. */
function versionOf(site: string, files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const path of files) hash.update(`${path}\n`).update(readFileSync(join(site, path)));
  return hash.digest("hex").slice(0, 16);
}
