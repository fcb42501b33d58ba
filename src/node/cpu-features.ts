/**
 * What distinguishes the CPUs of two machines that share a cache, found without starting a process. The first processor
 * speaks for all.
 */
import * as fs from "node:fs";
import { cpus } from "node:os";

/** Far more than the lines of one processor; with hundreds of them, the whole file takes milliseconds. */
const FIRST_BYTES = 16_384;

/** Lines of /proc/cpuinfo that say what the CPU is and can do, on x86, ARM, RISC-V and POWER; others say how fast it runs now. */
const LASTING = /^(?:vendor_id|cpu family|model|model name|stepping|flags|Features|CPU \w+|isa|uarch|cpu)\s*:/;

/** A text that differs where the CPU's model or features do; the same after a reboot. */
export function cpuFeatures(): string {
  const info = process.platform === "linux" ? firstProcessor("/proc/cpuinfo") : null;
  return [process.platform, process.arch, info ?? cpus()[0]?.model ?? "unknown"].join("\n");
}

function firstProcessor(path: string): string | null {
  try {
    const file = fs.openSync(path, "r");
    try {
      const bytes = Buffer.alloc(FIRST_BYTES);
      const [first] = bytes.toString("utf8", 0, fs.readSync(file, bytes)).split("\n\n");
      const lines = first.split("\n").filter((line) => LASTING.test(line));
      return lines.length === 0 ? null : lines.join("\n");
    } finally {
      fs.closeSync(file);
    }
  } catch {
    return null; // /proc is not mounted
  }
}
