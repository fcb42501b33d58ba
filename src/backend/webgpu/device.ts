/** Finding a GPU: the adapter, what it is, a device with as much memory as it gives, and word of its end. */
import { EngineLost } from "../../training/engine.ts";
import type { Target } from "./shader.ts";

/** A device, and what of it kernels may use. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly target: Target;
  /** What the adapter calls itself. */
  readonly name: string;
  /** Whether a CPU does the work. */
  readonly isSoftware: boolean;
  readonly watch: Watch;
}

/** Limits that are asked for as high as the adapter has them; the defaults are those of the smallest phone. */
const LIMITS = ["maxBufferSize", "maxStorageBufferBindingSize", "maxStorageBuffersPerShaderStage"] as const;

/** Taken where they are there. */
const FEATURES = ["subgroups", "shader-f16", "chromium-experimental-subgroup-matrix"];

/** What the kernels count on; WebGPU promises it, save for `compatibility` adapters. */
const NEEDS = [
  ["maxComputeInvocationsPerWorkgroup", 256],
  ["maxComputeWorkgroupSizeX", 256],
  ["maxComputeWorkgroupStorageSize", 16_384],
  ["maxStorageBuffersPerShaderStage", 8],
] as const;

/**
 * Resolves to null where there is no adapter.
 * Throws RangeError if its limits are too small; EngineLost if it gives no device.
 */
export async function openGpu(gpu: Pick<GPU, "requestAdapter">): Promise<Gpu | null> {
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) return null;
  const { info, features, limits } = adapter;
  for (const [name, need] of NEEDS) {
    if (limits[name] < need) throw new RangeError(`its ${name} is ${limits[name]}, and ${need} are needed`);
  }
  const subgroups = features.has("subgroups");
  const device = await adapter
    .requestDevice({
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one is not in the standard's list
      requiredFeatures: FEATURES.filter((feature) => features.has(feature)) as GPUFeatureName[],
      requiredLimits: Object.fromEntries(LIMITS.map((limit) => [limit, limits[limit]])),
    })
    .catch((error: unknown) => {
      throw new EngineLost(`it gives no device: ${String(error)}`);
    });
  return {
    device,
    target: {
      subgroup: subgroups ? info.subgroupMinSize : 0,
      half: features.has("shader-f16"),
      matrices: matrixUnits(adapter),
    },
    name: info.description || `${info.vendor} ${info.architecture}`,
    isSoftware: info.isFallbackAdapter,
    watch: new Watch(device),
  };
}

/** As `Target.matrices`. */
function matrixUnits({ features, info }: GPUAdapter): number {
  if (!FEATURES.every((feature) => features.has(feature))) return 0;
  const configs: unknown = Reflect.get(info, "subgroupMatrixConfigs");
  const wanted = { M: 16, N: 16, K: 16, componentType: "f16", resultComponentType: "f32" };
  const isWanted = (config: object): boolean =>
    Object.entries(wanted).every(([key, value]) => Reflect.get(config, key) === value);
  const isOffered = Array.isArray(configs) && configs.some((one: unknown) => one instanceof Object && isWanted(one));
  // A subgroup of unknown size can't be told from its neighbours.
  return isOffered && info.subgroupMinSize === info.subgroupMaxSize ? info.subgroupMinSize : 0;
}

/**
 * Waits for what a device promises, and for the device itself: one that is lost keeps few of its promises and breaks
 * none. An error that nobody asked about counts as the end, too: what the device computes afterwards means nothing.
 */
export class Watch {
  #fault: EngineLost | null = null;
  readonly #waiting = new Set<(fault: EngineLost) => void>();

  constructor(device: GPUDevice) {
    void device.lost.then(({ reason, message }) => this.#end(`${reason}: ${message}`));
    device.addEventListener("uncapturederror", ({ error }) => this.#end(error.message));
  }

  /** Resolves as the promise does. Throws EngineLost if it fails, or the device is lost. */
  until<Value>(promise: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      if (this.#fault !== null) {
        promise.catch(() => undefined);
        reject(this.#fault);
        return;
      }
      this.#waiting.add(reject);
      promise.then(
        (value) => {
          this.#waiting.delete(reject);
          resolve(value);
        },
        (error: unknown) => this.#end(String(error)),
      );
    });
  }

  #end(reason: string): void {
    // The first reason is the cause.
    this.#fault ??= new EngineLost(reason.replaceAll(/\s+/g, " ").trim());
    for (const reject of this.#waiting) reject(this.#fault);
    this.#waiting.clear();
  }
}
