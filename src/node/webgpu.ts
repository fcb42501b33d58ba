/**
 * WebGPU in Node: Dawn, Chromium's own implementation, in the package `webgpu`, an optional peer.
 */
import { spawnSync } from "node:child_process";

/** What to install: Dawn's releases are not all alike, and others do not load everywhere. */
export const WEBGPU_PACKAGE = "webgpu@0.6.2";

/** Kept for good: a GPU that is collected as garbage takes its devices with it. */
let dawn: GPU | null | undefined;

/** `navigator.gpu` for Node, or null where the package, or on Linux Vulkan's loader, is missing or does not load. */
export async function findWebGpu(): Promise<GPU | null> {
  dawn ??= await load();
  return dawn;
}

async function load(): Promise<GPU | null> {
  if (process.platform === "linux" && !canLoad("libvulkan.so.1")) return null; // Dawn would complain, loudly
  // Mesa's layer that chooses among GPUs asks the display first, and complains where there is none.
  if (process.env.MESA_VK_DEVICE_SELECT === undefined) process.env.NODEVICE_SELECT ??= "1";
  // A name that the type checker does not follow: its types are there only where the package is.
  const name = "webgpu";
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
    const { create } = (await import(name)) as { create: (options: readonly string[]) => GPU };
    // Dawn hides the 16 bits of NVIDIA's Vulkan driver by default; we try out what we use.
    // And the units for matrices are an experiment.
    const features = "enable-dawn-features=vulkan_enable_f16_on_nvidia,allow_unsafe_apis";
    return create(process.platform === "linux" ? ["backend=vulkan", features] : [features]);
  } catch {
    return null;
  }
}

const PROBE = `const { findWebGpu } = await import(process.argv[1]);
const webgpu = await findWebGpu();
process.exit(webgpu !== null && (await webgpu.requestAdapter()) === null ? 3 : 0);`;
const NO_ADAPTER = 3;

/**
 * Whether Dawn would find an adapter. Without one, it and Vulkan's loader complain on the error output of whoever asked:
 * so a process of its own does, which nobody listens to. True where it can't tell.
 */
export function mayHaveAdapter(): boolean {
  if (process.platform !== "linux") return true;
  const args = [...process.execArgv, "--input-type=module", "-e", PROBE, import.meta.url];
  return spawnSync(process.execPath, args, { stdio: "ignore", timeout: 20_000 }).status !== NO_ADAPTER;
}

/** Whether the system's loader finds a library: Node opens it, and says only afterwards that it is no addon. */
function canLoad(library: string): boolean {
  try {
    process.dlopen({ exports: {} }, library);
    return true;
  } catch (error) {
    return !/cannot open shared object/.test(String(error));
  }
}
