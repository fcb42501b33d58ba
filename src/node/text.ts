/**
 * Reading the text to learn from: files in, documents out. What is no text is refused by name.
 */
import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { splitDocuments } from "../dataset.ts";
import type { DocumentKind } from "../dataset.ts";
import { InputError } from "../errors.ts";
import { readWhole, showPath } from "./files.ts";

/** 8,403 first names; data/README.md says where they come from. */
export const BUNDLED_NAMES: string = fileURLToPath(new URL("../../data/names.txt", import.meta.url));

/** The documents of all files, in order. No files: the bundled names. Throws InputError. */
export function readDocuments(paths: readonly string[], kind: DocumentKind): string[] {
  const files = paths.length === 0 ? [BUNDLED_NAMES] : paths;
  return files.flatMap((path) => {
    const documents = splitDocuments(readText(path), kind);
    if (documents.length > 0) return documents;
    const wanted = kind === "file" ? "a file with some" : `a file with a document a ${kind}`;
    throw new InputError(`${showPath(path)} holds no text; give ${wanted}`);
  });
}

/** A UTF-8 text file, without its byte order mark. Throws InputError for anything else. */
export function readText(path: string): string {
  const bytes = readWhole(path);
  const zero = bytes.indexOf(0);
  if (bytes[0] === 0xff && bytes[1] === 0xfe) throw notText(path, "it looks like UTF-16; save it as UTF-8");
  if (bytes[0] === 0xfe && bytes[1] === 0xff) throw notText(path, "it looks like UTF-16; save it as UTF-8");
  if (zero >= 0) throw notText(path, `byte ${zero} is 0, so it is a binary file`);
  if (!isUtf8(bytes)) throw notText(path, "it is not UTF-8; convert it first");
  return new TextDecoder().decode(bytes);
}

const notText = (path: string, why: string): InputError => new InputError(`${showPath(path)} is no text: ${why}`);

/**
 * SHA-256 of documents, in hex: what a checkpoint remembers of its data. Each on a line; lines within one are indented,
 * which no document begins with, so other documents never look the same.
 */
export function hashDocuments(documents: readonly string[]): string {
  const hash = createHash("sha256");
  for (const document of documents) hash.update(`${document.replaceAll("\n", "\n ")}\n`);
  return hash.digest("hex");
}
