/**
 * WebGPU in Node: Dawn, Chromium's implementation, from the package `webgpu`, an optional peer dependency. It finds
 * what a page has as `navigator.gpu`; adapters and devices are opened by `backend/webgpu/device.ts`.
 */
import { spawnSync } from "node:child_process";

/** The package to install. Exactly this version: some other releases of Dawn do not load on every system. */
export const WEBGPU_PACKAGE = "webgpu@0.6.2";

/** Kept for the life of the process: when a GPU object is garbage-collected, its devices are lost. */
let dawn: GPU | null | undefined;

/** `navigator.gpu` for Node, or null if the package, or on Linux the Vulkan loader, is missing or does not load. */
export async function findWebGpu(): Promise<GPU | null> {
  dawn ??= await load();
  return dawn;
}

/** What `findWebGpu` did not find. */
export const whatIsMissing = (): string =>
  hasVulkan() ? `the package ${WEBGPU_PACKAGE}` : "Vulkan (on Debian and Ubuntu the package libvulkan1)";

const hasVulkan = (): boolean => process.platform !== "linux" || canLoad("libvulkan.so.1");

async function load(): Promise<GPU | null> {
  if (!hasVulkan()) return null; // or else Dawn prints warnings
  // Mesa's device-selection layer queries the display server, and prints errors where there is none.
  if (process.env.MESA_VK_DEVICE_SELECT === undefined) process.env.NODEVICE_SELECT ??= "1";
  // A variable, so that the type checker does not look for the package's types: it may not be installed.
  const name = "webgpu";
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
    const { create } = (await import(name)) as { create: (options: readonly string[]) => GPU };
    // By default, Dawn hides f16 on NVIDIA's Vulkan driver, and matrix units everywhere. `checkGpu` tests both.
    const features = "enable-dawn-features=vulkan_enable_f16_on_nvidia,allow_unsafe_apis";
    return create(process.platform === "linux" ? ["backend=vulkan", features] : [features]);
  } catch {
    return null;
  }
}

/** Exits with NO_ADAPTER if Dawn finds none. */
const PROBE = `const { findWebGpu } = await import(process.argv[1]);
const webgpu = await findWebGpu();
process.exit(webgpu !== null && (await webgpu.requestAdapter()) === null ? 3 : 0);`;
const NO_ADAPTER = 3;

/**
 * Whether Dawn would find an adapter; true if unknown. It asks in a child process whose output is discarded, because
 * Dawn and the Vulkan loader print errors if there is none.
 */
export function mayHaveAdapter(): boolean {
  if (process.platform !== "linux") return true;
  const args = [...process.execArgv, "--input-type=module", "-e", PROBE, import.meta.url];
  return spawnSync(process.execPath, args, { stdio: "ignore", timeout: 20_000 }).status !== NO_ADAPTER;
}

/** Whether the system's loader finds a library. Node opens it first, then throws because it is not an addon. */
function canLoad(library: string): boolean {
  try {
    process.dlopen({ exports: {} }, library);
    return true;
  } catch (error) {
    return !/cannot open shared object/.test(String(error));
  }
}
