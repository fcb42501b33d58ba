/** Formats that are often mistaken for text, by their first bytes, and what converts them. */
import { basename } from "node:path";
import { InputError } from "../errors.ts";

/** A format that is not text. */
interface Format {
  /** What the first bytes begin with, as Latin-1. */
  readonly start: RegExp;
  /** With its article. */
  readonly name: string;
  /** What makes text of it. */
  readonly advice: (file: string) => string;
}

/** Bytes that `refuseDocument` looks at. */
const LOOKED_AT = 8192;

const pandoc = (from: string) => (file: string) =>
  `convert it to text first, for example with pandoc -f ${from} -t plain ${file} -o text.txt`;
const office = (file: string): string =>
  `convert it to text first, for example with soffice --convert-to txt:Text ${file} (LibreOffice)`;
const calibre = (file: string): string =>
  `convert it to text first, for example with ebook-convert ${file} text.txt (calibre)`;
const unpack = (tool: string) => (file: string) => `unpack it, for example with ${tool} ${file}`;

/** The first that fits counts: a document of today is a zip archive with certain files. */
const FORMATS: readonly Format[] = [
  {
    start: /^\s*%PDF-/,
    name: "a PDF",
    advice: (file) => `convert it to text first, for example with pdftotext ${file} text.txt`,
  },
  { start: /^PK\u0003\u0004[^]{26}mimetypeapplication\/epub\+zip/, name: "an EPUB", advice: pandoc("epub") },
  { start: /^PK\u0003\u0004[^]*META-INF\/container\.xml/, name: "an EPUB", advice: pandoc("epub") },
  {
    start: /^PK\u0003\u0004[^]{26}mimetypeapplication\/vnd\.oasis\.opendocument\.text/,
    name: "an ODT document",
    advice: pandoc("odt"),
  },
  {
    start: /^PK\u0003\u0004[^]{26}(?:[^]*PK\u0003\u0004[^]{26})?word\//,
    name: "a DOCX document",
    advice: pandoc("docx"),
  },
  { start: /^PK\u0003\u0004[^]{26}\[Content_Types\]\.xml/, name: "an Office document", advice: office },
  { start: /^PK\u0003\u0004/, name: "a zip archive", advice: unpack("unzip") },
  { start: /^\u00d0\u00cf\u0011\u00e0/, name: "an old Office document", advice: office },
  { start: /^\{\\rtf/, name: "RTF", advice: pandoc("rtf") },
  { start: /^[^]{60}(?:BOOKMOBI|TEXtREAd)/, name: "a Kindle or Palm book", advice: calibre },
  {
    start: /^AT&TFORM[^]{4}DJV/,
    name: "a DjVu document",
    advice: (file) => `convert it to text first, for example with djvutxt ${file} text.txt`,
  },
  { start: /^\u001f\u008b/, name: "gzip", advice: unpack("gunzip") },
  { start: /^BZh[1-9]1AY&SY/, name: "bzip2", advice: unpack("bunzip2") },
  { start: /^\u00fd7zXZ\0/, name: "xz", advice: unpack("unxz") },
  { start: /^\u0028\u00b5\u002f\u00fd/, name: "zstd", advice: unpack("unzstd") },
  { start: /^7z\u00bc\u00af\u0027\u001c/, name: "a 7z archive", advice: unpack("7z x") },
  { start: /^[^]{257}ustar/, name: "a tar archive", advice: unpack("tar -xf") },
];

/** By name: a DOCX or an EPUB whose entries are in another order than usual. */
const BY_NAME: Readonly<Record<string, string>> = { ".docx": "a DOCX document", ".epub": "an EPUB" };

/** Throws InputError if the first bytes are those of a document or an archive. @param name a path, for the message. */
export function refuseDocument(name: string, start: Uint8Array): void {
  const length = Math.min(start.length, LOOKED_AT);
  const letters = Buffer.from(start.buffer, start.byteOffset, length).toString("latin1");
  const found = FORMATS.find((format) => format.start.test(letters));
  if (found === undefined) return;
  const named = found.name === "a zip archive" ? BY_NAME[/\.\w+$/.exec(name)?.[0].toLowerCase() ?? ""] : undefined;
  const format = FORMATS.find((one) => one.name === named) ?? found;
  const file = /^[\w./~+@:=,-]+$/.test(name) ? basename(name) : "FILE";
  throw new InputError(`${name} is not text: it is ${format.name}; ${format.advice(file)}`);
}
