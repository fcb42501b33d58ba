import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { afterEach, describe, expect, test, vi } from "vitest";
import { finished } from "../setup/microgpt.ts";
import type { Finished } from "../setup/microgpt.ts";
import { ANSWER, NATIVE, place, REAL, SCRIPT } from "../setup/native.ts";
import type { Place } from "../setup/native.ts";
import { isInstalled } from "../setup/trainer.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

/** A namespace of our own, where we may mount without being root. */
const OWN_MOUNTS = ["-Urm", "sh", "-c"];

function canMount(): boolean {
  if (REAL === null || !isInstalled("unshare")) return false;
  try {
    execFileSync("unshare", [...OWN_MOUNTS, "mount -t tmpfs none /mnt"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!canMount())("on a disk of our own (skipped where `unshare` may not mount)", () => {
  /** Compiles in a namespace, after commands that mount over the cache ($1) and the temporary files ($2). */
  const compileOn = async (one: Place, mount: string, after: string): Promise<Finished> => {
    fs.mkdirSync(one.directory, { mode: 0o700 });
    const script = `${mount}\n"$3" --input-type=module -e "$4" "$5" "$1" "$6"; ${after}`;
    const args = [...OWN_MOUNTS, script, "sh", one.directory, one.temporary, process.execPath, SCRIPT, NATIVE, ANSWER];
    return await finished("unshare", args, { env: one.env });
  };
  const full = (path: string): string =>
    `mount -t tmpfs -o size=16k,mode=700 none "${path}"; cat /dev/zero > "${path}/filler" 2> /dev/null`;

  test("that is full, the cache: compiled, a warning, and nothing is left on it", async () => {
    const one = place();
    const { stdout, stderr } = await compileOn(one, full("$1"), 'ls -A "$1" "$2"');
    expect(stdout).toBe(`42\n${one.directory}:\nfiller\n\n${one.temporary}:\n`);
    expect(stderr).toMatch(
      /^native code is not kept, so each start compiles again: cannot write .*\.so": the disk is full \(ENOSPC, \d+ bytes needed, \d+ free\)\n$/,
    );
  });

  test("that is full, for temporary files, too: a sentence, and nothing is left", async () => {
    const one = place();
    const { stdout, stderr } = await compileOn(one, `${full("$1")}\n${full("$2")}`, 'ls -A "$1" "$2"');
    expect(stderr).toBe("");
    const [sentence, ...listing] = stdout.trimEnd().split("\n");
    expect(sentence).toMatch(/^(?:cannot write .*the disk is full \(ENOSPC.*|the C compiler .* failed .*)$/);
    expect(listing).toEqual([`${one.directory}:`, "filler", "", `${one.temporary}:`, "filler"]);
  });

  const noexec = (path: string): string => `mount -t tmpfs -o noexec,mode=700 none "${path}"`;

  test("that runs no programs, the cache: compiled, and a warning", async () => {
    const one = place();
    const { stdout, stderr } = await compileOn(one, noexec("$1"), 'ls -A "$1" "$2" | grep -c "\\.so"');
    expect(stdout).toBe("42\n0\n");
    expect(stderr).toMatch(
      /^native code is not kept, so each start compiles again: libraries in .* cannot be loaded\n$/,
    );
  });

  test("that runs no programs, for temporary files: compiled, and kept", async () => {
    const one = place();
    const { stdout, stderr } = await compileOn(one, noexec("$2"), "true");
    expect({ stdout, stderr }).toEqual({ stdout: "42\n", stderr: "" });
  });

  test("that runs no programs, both: a sentence", async () => {
    const one = place();
    const { stdout } = await compileOn(one, `${noexec("$1")}\n${noexec("$2")}`, "true");
    expect(stdout).toMatch(/^what the C compiler .* made cannot be loaded; see .*\.log"\n$/);
  });

  test("that is read-only, with a library: it is used", async () => {
    const one = place();
    const warm =
      'mount --bind "$1" "$1"; "$3" --input-type=module -e "$4" "$5" "$1" "$6"; mount -o remount,bind,ro "$1"';
    const { stdout, stderr } = await compileOn(one, warm, "true");
    expect({ stdout, stderr }).toEqual({ stdout: "42\n42\n", stderr: "" });
    expect(one.compiles()).toBe(1);
  });
});
