/**
 * Opens a GPU: requests an adapter and a device with the largest buffers it offers, and watches for its loss. Whether
 * its results are right is for `check.ts` to find out; finding `navigator.gpu` in Node is for `node/webgpu.ts`.
 */
import { EngineLost } from "../../training/engine.ts";
import type { Target } from "./shader.ts";

/*
 * Names of WebGPU's types that the package's declarations use. TypeScript before 6 has none of them; where the types are there,
 * in lib.dom or @webgpu/types, these empty interfaces merge with them.
 */
declare global {
  /* oxlint-disable typescript/no-empty-object-type -- each merges with the interface of its name */
  interface GPU {}
  interface GPUAdapter {}
  interface GPUDevice {}
  interface GPUBuffer {}
  interface GPUBindGroup {}
  interface GPUBindGroupLayout {}
  interface GPUComputePipeline {}
  /* oxlint-enable typescript/no-empty-object-type */
}

/** An open WebGPU device. */
export interface Gpu {
  /** The device. The caller of `openGpu` owns it and destroys it. */
  readonly device: GPUDevice;
  /** The adapter's features that kernels use. */
  readonly target: Target;
  /** The adapter's name: its description, or vendor and architecture. */
  readonly name: string;
  /** Whether the adapter is software that runs on the CPU. */
  readonly isSoftware: boolean;
  /** Turns failures of the device into EngineLost. */
  readonly watch: Watch;
}

/** What is used of `navigator.gpu`. */
export interface GpuAdapters {
  /** As WebGPU's: resolves to null where there is no adapter. */
  requestAdapter(options?: { powerPreference?: "low-power" | "high-performance" }): Promise<GPUAdapter | null>;
}

/** Limits requested as high as the adapter's; WebGPU's defaults are those of small phones. */
const RAISED_LIMITS = ["maxBufferSize", "maxStorageBufferBindingSize", "maxStorageBuffersPerShaderStage"] as const;

/** Features requested if the adapter has them. */
const OPTIONAL_FEATURES = ["subgroups", "shader-f16", "chromium-experimental-subgroup-matrix"];

/** Limits that the kernels rely on. WebGPU guarantees them, except on `compatibility` adapters. */
const REQUIRED_LIMITS = [
  ["maxComputeInvocationsPerWorkgroup", 256],
  ["maxComputeWorkgroupSizeX", 256],
  ["maxComputeWorkgroupStorageSize", 16_384],
  ["maxStorageBuffersPerShaderStage", 8],
] as const;

/**
 * Opens the adapter with the best performance. Resolves to null if there is no adapter. Throws RangeError if its limits
 * are too low, EngineLost if it provides no device.
 * @param gpu as `navigator.gpu`; in Node from `findWebGpu`.
 */
export async function openGpu(gpu: GpuAdapters): Promise<Gpu | null> {
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) return null;
  const { info, features, limits } = adapter;
  for (const [name, need] of REQUIRED_LIMITS) {
    if (limits[name] < need) throw new RangeError(`its ${name} is ${limits[name]}, and the kernels need ${need}`);
  }
  const subgroups = features.has("subgroups");
  const device = await adapter
    .requestDevice({
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one of them is not in the standard
      requiredFeatures: OPTIONAL_FEATURES.filter((feature) => features.has(feature)) as GPUFeatureName[],
      requiredLimits: Object.fromEntries(RAISED_LIMITS.map((limit) => [limit, limits[limit]])),
    })
    .catch((error: unknown) => {
      throw new EngineLost(`requestDevice: ${String(error)}`);
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

/** See `Target.matrices`. */
function matrixUnits({ features, info }: GPUAdapter): number {
  if (!OPTIONAL_FEATURES.every((feature) => features.has(feature))) return 0;
  const configs: unknown = Reflect.get(info, "subgroupMatrixConfigs");
  const wanted = { M: 16, N: 16, K: 16, componentType: "f16", resultComponentType: "f32" };
  const isWanted = (config: object): boolean =>
    Object.entries(wanted).every(([key, value]) => Reflect.get(config, key) === value);
  const isOffered = Array.isArray(configs) && configs.some((one: unknown) => one instanceof Object && isWanted(one));
  // The kernels compute which subgroup an invocation belongs to, so all subgroups must have one known size.
  return isOffered && info.subgroupMinSize === info.subgroupMaxSize ? info.subgroupMinSize : 0;
}

/**
 * Rejects pending promises when a device fails. A lost device itself rejects none: it resolves a few and leaves the
 * others pending forever. An error outside an error scope counts as a loss, too: later results cannot be trusted.
 */
export class Watch {
  #fault: EngineLost | null = null;
  readonly #waiting = new Set<(fault: EngineLost) => void>();

  /** @param device to watch from now on. */
  constructor(device: GPUDevice) {
    void device.lost.then(({ reason, message }) => this.#end(`${reason}: ${message}`));
    device.addEventListener("uncapturederror", ({ error }) => this.#end(error.message));
  }

  /** Resolves like the promise. Throws EngineLost if it rejects, or once the device is lost. */
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
    // Keep the first reason: later ones follow from it.
    this.#fault ??= new EngineLost(reason.replaceAll(/\s+/g, " ").trim().replace(/\.$/, ""));
    for (const reject of this.#waiting) reject(this.#fault);
    this.#waiting.clear();
  }
}
