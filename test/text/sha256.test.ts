import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Sha256, sha256Of, utf8Length } from "../../src/text/sha256.ts";

test("the hash is Node's, for messages of every length around a block, in pieces of any length", () => {
  for (let length = 0; length <= 130; length++) {
    const message = Uint8Array.from({ length }, (_, i) => (i * 37) % 256);
    expect(sha256Of(message)).toBe(createHash("sha256").update(message).digest("hex"));
  }
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 6 }), (pieces) => {
      const [ours, theirs] = [new Sha256(), createHash("sha256")];
      for (const piece of pieces) {
        ours.update(piece);
        theirs.update(piece);
      }
      expect(ours.digest()).toBe(theirs.digest("hex"));
    }),
  );
});

test("the length of a text in UTF-8 is Node's, lone surrogates included", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.constantFrom("", "\ud83d", "\ude00", "é", "😀"), (text, more) => {
      expect(utf8Length(text + more)).toBe(Buffer.byteLength(text + more));
      expect(utf8Length(more + text)).toBe(Buffer.byteLength(more + text));
    }),
  );
});
