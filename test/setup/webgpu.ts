/** A GPU for the tests that run everywhere: Chromium's SwiftShader, in the browser itself and through Dawn in Node. */
import { openGpu } from "../../src/backend/webgpu/device.ts";
import type { Gpu } from "../../src/backend/webgpu/device.ts";
import { PLACE } from "./place.ts";

/** Resolves to null where there is none. A module of Node's is known by its name alone: no browser must load it. */
async function findGpu(): Promise<Gpu | null> {
  if (PLACE !== "node") return "gpu" in navigator ? await openGpu(navigator.gpu) : null;
  const path = new URL("swiftshader.ts", import.meta.url).href;
  const { openSoftwareGpu } = (await import(/* @vite-ignore */ path)) as { openSoftwareGpu: () => Promise<Gpu | null> };
  return await openSoftwareGpu();
}

/** One device for all tests of a file. */
export const gpu: Gpu | null = await findGpu();

/** For the name of what can't run: the summary counts it. */
export const gpuName: string = gpu?.name ?? `no WebGPU adapter in ${PLACE}`;
