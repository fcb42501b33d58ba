/** Builds the playground as static files into `dist/playground`, and serves it while one works on it. */
import { defineConfig } from "vite";
import type { UserConfig } from "vite";
import { variants } from "./vite-variants.ts";

/** What lets a page share memory with its workers; `microgpt open` sends the same headers. */
const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

const config: UserConfig = defineConfig({
  root: import.meta.dirname,
  // Relative addresses: the site works from any folder.
  base: "./",
  server: { headers, host: "127.0.0.1" },
  preview: { headers, host: "127.0.0.1" },
  plugins: [variants()],
  worker: { format: "es", plugins: () => [variants()] },
  build: { outDir: "../dist/playground", emptyOutDir: true, target: "es2023", assetsInlineLimit: 0 },
});

export default config;
