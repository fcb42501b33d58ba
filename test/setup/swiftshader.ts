/**
 * SwiftShader, the Vulkan driver without a GPU that lies beside every Chromium, for Dawn in Node. Of this file's two
 * ways one is for this process and one for those that it starts. `MICROGPT_TEST_GPU=hardware` leaves the machine's own
 * drivers alone instead.
 */
import { existsSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { openGpu } from "../../src/backend/webgpu/device.ts";
import type { Gpu } from "../../src/backend/webgpu/device.ts";
import { findWebGpu } from "../../src/node/webgpu.ts";
import { findChromium } from "./chromium.ts";

const isHardware = process.env.MICROGPT_TEST_GPU === "hardware";

/**
 * The libraries loaded by hand, held for the life of the process: koffi closes a library when its handle is collected,
 * and Dawn then finds no adapter.
 */
const loaded: unknown[] = [];

/** The folder of Chromium's libraries, or null. */
function findFolder(): string | null {
  const chromium = findChromium();
  const beside = chromium === null ? [] : [dirname(realpathSync(chromium))];
  const folders = [...beside, "/usr/lib/chromium"];
  return folders.find((folder) => existsSync(join(folder, "vk_swiftshader_icd.json"))) ?? null;
}

/** What a process must find in its environment; null where SwiftShader is missing. */
export function swiftShaderEnv(): Record<string, string> | null {
  const folder = findFolder();
  if (isHardware) return {};
  return folder === null
    ? null
    : { VK_ICD_FILENAMES: join(folder, "vk_swiftshader_icd.json"), LD_LIBRARY_PATH: folder };
}

/** Dawn in this process, on SwiftShader; null where it is missing. */
export async function softwareWebGpu(): Promise<GPU | null> {
  const env = swiftShaderEnv();
  if (env === null) return null;
  if (!isHardware) {
    // Loaded by hand, it is the one that Dawn finds: a process that runs can't change where libraries are looked for.
    const koffi = createRequire(import.meta.url)("koffi") as { load(path: string): unknown };
    loaded.push(koffi.load(join(env.LD_LIBRARY_PATH, "libvulkan.so.1")));
    process.env.VK_ICD_FILENAMES = env.VK_ICD_FILENAMES;
  }
  return await findWebGpu();
}

/** A device of its own. */
export async function openSoftwareGpu(): Promise<Gpu | null> {
  const webgpu = await softwareWebGpu();
  return webgpu === null ? null : await openGpu(webgpu);
}
