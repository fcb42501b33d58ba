/** Builds the playground as static files into `dist/playground`, and serves it while one works on it. */
import { defineConfig } from "vite";
import { documents } from "./build/markdown.ts";
import type { UserConfig } from "vite";
import { ISOLATION_HEADERS, SITE_HEADERS } from "../src/cli/site-headers.ts";
import { coreWithoutNames } from "./build/core-without-names.ts";
import { serviceWorker } from "./build/service-worker-plugin.ts";
import { variants } from "./build/variants.ts";

const config: UserConfig = defineConfig({
  root: import.meta.dirname,
  // Relative addresses: the site works from any folder.
  base: "./",
  // Vite's own scripts and styles are inline, so the policy is for what is built.
  server: { headers: ISOLATION_HEADERS, host: "127.0.0.1" },
  preview: { headers: SITE_HEADERS, host: "127.0.0.1" },
  plugins: [documents(), variants(), coreWithoutNames(), serviceWorker()],
  worker: { format: "es", plugins: () => [variants(), coreWithoutNames()] },
  build: {
    rolldownOptions: { checks: { pluginTimings: false } },
    outDir: "../dist/playground",
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
  },
});

export default config;
