/** Adapters that are not what they are: a real one (of SwiftShader's) with some of it replaced. */

/** An object whose other properties and methods are those of the original. */
function disguise<T extends object>(original: T, replaced: Partial<Record<keyof T, unknown>>): T {
  return new Proxy(original, {
    get(target, key) {
      if (Object.hasOwn(replaced, key)) return replaced[key as keyof T];
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
}

export interface Disguise {
  readonly limits?: Readonly<Record<string, number>>;
  readonly features?: readonly string[];
  /** What becomes of the device. */
  readonly device?: (device: GPUDevice) => GPUDevice;
}

/** `navigator.gpu` with an adapter that claims other limits and features, and gives another device. */
export function fakeGpu(real: GPU, { limits = {}, features, device = (same) => same }: Disguise): GPU {
  return disguise(real, {
    requestAdapter: async () => {
      const adapter = (await real.requestAdapter())!;
      return disguise(adapter, {
        limits: disguise(adapter.limits, limits),
        features: features === undefined ? adapter.features : new Set(features),
        requestDevice: async (descriptor: GPUDeviceDescriptor) => {
          // Kernels that play something take more of the workgroup's memory.
          const { maxComputeWorkgroupStorageSize } = adapter.limits;
          const requiredLimits = { ...descriptor.requiredLimits, maxComputeWorkgroupStorageSize };
          const given = await adapter.requestDevice({ ...descriptor, requiredLimits });
          return device(disguise(given, { limits: disguise(given.limits, limits) }));
        },
      });
    },
  });
}

/** A device whose compiler makes something else of a kernel's text. */
export const lying =
  (change: (code: string) => string) =>
  (device: GPUDevice): GPUDevice =>
    disguise(device, {
      createShaderModule: (descriptor: GPUShaderModuleDescriptor) =>
        device.createShaderModule({ ...descriptor, code: change(descriptor.code) }),
    });

const MATRIX_FUNCTIONS = `
alias Matrix = array<f32, 256>;
alias Slice = ptr<workgroup, array<f32, 2048>>;
fn load_row(slice: Slice, place: u32, stride: u32) -> Matrix {
  var all: Matrix;
  for (var i = 0u; i < 256u; i++) { all[i] = (*slice)[place + i / 16u * stride + i % 16u]; }
  return all;
}
fn load_col(slice: Slice, place: u32, stride: u32) -> Matrix {
  var all: Matrix;
  for (var i = 0u; i < 256u; i++) { all[i] = (*slice)[place + i % 16u * stride + i / 16u]; }
  return all;
}
fn store_row(slice: Slice, place: u32, all: Matrix, stride: u32) {
  var copy = all;
  for (var i = 0u; i < 256u; i++) { (*slice)[place + i / 16u * stride + i % 16u] = copy[i]; }
}
fn multiply_add(a: Matrix, b: Matrix, c: Matrix) -> Matrix {
  var left = a; var right = b; var sum = c;
  for (var i = 0u; i < 256u; i++) {
    for (var k = 0u; k < 16u; k++) { sum[i] += left[i / 16u * 16u + k] * right[k * 16u + i % 16u]; }
  }
  return sum;
}
`;

/** A kernel for units for matrices, for a device that has none: each subgroup is one invocation, with plain loops in f32. */
export function withoutMatrixUnits(code: string): string {
  if (!code.includes("subgroupMatrixLoad")) return code;
  return (
    MATRIX_FUNCTIONS +
    code
      .replaceAll(/^(?:enable|diagnostic).*;$/gm, "")
      .replaceAll("array<f16,", "array<f32,")
      .replaceAll("f16(", "f32(")
      .replaceAll(/subgroupMatrixLoad<subgroup_matrix_(?:left|right)<f16, 16, 16>, (row|col)_major>/g, "load_$1")
      .replaceAll("subgroupMatrixStore<row_major>", "store_row")
      .replaceAll("subgroupMatrixMultiplyAccumulate", "multiply_add")
      .replaceAll("subgroup_matrix_result<f32, 16, 16>()", "Matrix()")
  );
}

/** A device that is lost at the n-th of the moments at which one can be: a submit, a pipeline, a wait. */
export function mortal(count: { moments: number }, last: number): (device: GPUDevice) => GPUDevice {
  return (device) => {
    const moment = (): void => {
      if (++count.moments === last) device.destroy();
    };
    const queue = disguise(device.queue, {
      submit: (buffers: GPUCommandBuffer[]) => {
        device.queue.submit(buffers);
        moment();
      },
    });
    return disguise(device, {
      queue,
      createComputePipelineAsync: async (descriptor: GPUComputePipelineDescriptor) => {
        const pipeline = device.createComputePipelineAsync(descriptor);
        moment();
        return await pipeline;
      },
      createBuffer: (descriptor: GPUBufferDescriptor) => {
        const buffer = device.createBuffer(descriptor);
        moment();
        return buffer;
      },
    });
  };
}

/** What is asked of a device, by the method's name. */
export function counted(counts: Map<string, number>): (device: GPUDevice) => GPUDevice {
  const count =
    <Parameters extends readonly unknown[], Result>(name: string, call: (...given: Parameters) => Result) =>
    (...given: Parameters): Result => {
      counts.set(name, (counts.get(name) ?? 0) + 1);
      return call(...given);
    };
  return (device) =>
    disguise(device, {
      queue: disguise(device.queue, {
        submit: count("submit", device.queue.submit.bind(device.queue)),
        writeBuffer: count("writeBuffer", device.queue.writeBuffer.bind(device.queue)),
      }),
      createBuffer: count("createBuffer", device.createBuffer.bind(device)),
      createBindGroup: count("createBindGroup", device.createBindGroup.bind(device)),
      createShaderModule: count("createShaderModule", device.createShaderModule.bind(device)),
    });
}

/** A device that has no memory for buffers as large as this. */
export const poor =
  (bytes: number) =>
  (device: GPUDevice): GPUDevice => {
    let isOut = false;
    return disguise(device, {
      createBuffer: (descriptor: GPUBufferDescriptor) => {
        isOut ||= descriptor.size >= bytes;
        return device.createBuffer(descriptor);
      },
      popErrorScope: async () => {
        const error = await device.popErrorScope();
        const isTold = isOut;
        isOut = false;
        return isTold ? { message: "Out of memory" } : error;
      },
    });
  };
