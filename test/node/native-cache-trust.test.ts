/** Which directories are trusted as a cache of compiled code: nobody else may put a library, or a directory, in its place. */
import * as fs from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { answering, place, REAL, SKIPPED } from "../setup/native.ts";

const isRoot = process.getuid?.() === 0;

const everythingIn = (path: string): string[] =>
  fs
    .readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => !["log", "ready"].includes(name))
    .toSorted();

afterEach(() => vi.unstubAllEnvs());

describe.skipIf(REAL === null)(`the directory of native code (${SKIPPED})`, () => {
  const refusals: [string, (directory: string) => void, RegExp][] = [
    [
      "may be written to by its group",
      (path) => fs.chmodSync(path, 0o770),
      /others may write to it \(mode 770\); chmod 700 it$/,
    ],
    [
      "may be written to by all",
      (path) => fs.chmodSync(path, 0o1777),
      /others may write to it \(mode 1777\); chmod 700 it$/,
    ],
    [
      "is a link",
      (path) => {
        fs.renameSync(path, `${path} elsewhere`);
        fs.symlinkSync(`${path} elsewhere`, path);
      },
      /it is a symbolic link$/,
    ],
    [
      "is a link to nowhere",
      (path) => {
        fs.rmSync(path, { recursive: true });
        fs.symlinkSync("/nowhere/at/all", path);
      },
      /it is a symbolic link$/,
    ],
    [
      "is a file",
      (path) => {
        fs.rmSync(path, { recursive: true });
        fs.writeFileSync(path, "mine");
      },
      /it is a file$/,
    ],
    [
      "lies where all may put another",
      (path) => fs.chmodSync(join(path, ".."), 0o777),
      /all may write to .*; chmod o-w it$/,
    ],
    [
      "lies deep where all may put another",
      (path) => fs.chmodSync(join(path, "../.."), 0o777),
      /all may write to .*; chmod o-w it$/,
    ],
    [
      "is reached by a link that all may replace",
      (path) => {
        const [parent, open] = [join(path, ".."), join(path, "..") + " open"];
        fs.renameSync(parent, `${parent} elsewhere`);
        fs.mkdirSync(open);
        fs.chmodSync(open, 0o777);
        fs.symlinkSync(`${parent} elsewhere`, join(open, "link"));
        fs.symlinkSync(join(open, "link"), parent);
      },
      /all may write to .* open"; chmod o-w it$/,
    ],
  ];
  const foreign: typeof refusals = [
    [
      "belongs to another user",
      (path) => fs.chownSync(path, 12_345, 12_345),
      /it belongs to another user \(uid 12345\)$/,
    ],
    [
      "lies in another user's",
      (path) => fs.chownSync(join(path, ".."), 12_345, 12_345),
      /belongs to another user \(uid 12345\)$/,
    ],
    [
      "lies deep in another user's",
      (path) => fs.chownSync(join(path, "../.."), 12_345, 12_345),
      /belongs to another user \(uid 12345\)$/,
    ],
    [
      "lies where a group may put another",
      (path) => {
        fs.chownSync(join(path, ".."), 0, 12_345);
        fs.chmodSync(join(path, ".."), 0o775);
      },
      /its group \(gid 12345\) may write to .*; chmod g-w it$/,
    ],
  ];
  const expectRefused = async (change: (directory: string) => void, reason: RegExp): Promise<void> => {
    const one = place();
    await one.answer(answering(7));
    change(one.directory);
    const listing = everythingIn(join(one.directory, ".."));
    expect(await one.answer(answering(7))).toBe(7);
    expect(one.compiles()).toBe(2);
    expect(one.warnings).toEqual([expect.stringMatching(reason)]);
    expect(one.warnings[0]).toMatch(/^the cache of native code is not used, so each start compiles again: /);
    expect(everythingIn(join(one.directory, ".."))).toEqual(listing);
    expect(fs.readdirSync(one.temporary)).toEqual([]);
  };
  test.each(refusals)(
    "a cache that %s is neither read nor written; the source is compiled",
    async (_what, change, reason) => {
      await expectRefused(change, reason);
    },
  );
  test.skipIf(!isRoot).each(foreign)(
    "a cache that %s is neither read nor written; the source is compiled (skipped where we are not root)",
    async (_what, change, reason) => {
      await expectRefused(change, reason);
    },
  );
});
