/**
 * The encodings that can be read, by name, and their decoders: the web's (WHATWG Encoding, in Node), those of DOS,
 * old Macs and UTF-32 (iconv-lite), and two families of seven-bit mail (below). It does not guess; `charset.ts` does.
 */
import { createRequire } from "node:module";
import type * as Iconv from "iconv-lite";

/** Decodes a text that arrives in chunks; what is invalid becomes U+FFFD. */
export interface Decoder {
  /** The text of a chunk. With `stream`, an incomplete character at its end waits for the next chunk. */
  decode(bytes: Uint8Array, options: { readonly stream: boolean }): string;
}

let iconv: typeof Iconv | null = null;

/** Loaded on demand: few texts need it, and it takes as long as the rest of the start-up. */
function loadIconv(): typeof Iconv {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types are the package's own
  iconv ??= createRequire(import.meta.url)("iconv-lite") as typeof Iconv;
  return iconv;
}

/** Seven-bit encodings whose pairs of bytes, with the high bit set, are another encoding's. */
const SEVEN_BIT: Readonly<Record<string, string>> = {
  "iso-2022-kr": "euc-kr",
  "iso-2022-cn": "gb18030",
  "hz-gb-2312": "gb18030",
};

/** Labels that neither WHATWG nor iconv-lite knows by this spelling. */
const ALIASES: Readonly<Record<string, string>> = {
  cp932: "shift_jis",
  cp949: "euc-kr",
  cp874: "windows-874",
  cp936: "gb18030",
  cp950: "big5",
  hz: "hz-gb-2312",
  "utf-8-sig": "utf-8",
  "big5-hkscs": "big5",
  maccyrillic: "x-mac-cyrillic",
  macroman: "macintosh",
  "mac-roman": "macintosh",
  "mac-cyrillic": "x-mac-cyrillic",
  "mac-latin2": "maccenteuro",
  maclatin2: "maccenteuro",
  "mac-ce": "maccenteuro",
  "x-mac-ce": "maccenteuro",
  "utf-32": "utf-32le",
};

/** iconv-lite also knows transports of bytes, which are not encodings of texts. */
const NOT_OF_TEXTS = /^(?:base64|hex|binary|_.*|utf-?7.*|unicode11.*|\d+)$/;

/** A label as people, pages and servers write it → the encoding's name; null for one that cannot be read. */
export function knownEncoding(label: string): string | null {
  const typed = label.trim().toLowerCase();
  const hyphened = typed
    .replace(/^iso[-_]?8859[-_]?(\d+)$/, "iso-8859-$1")
    .replace(/^utf-?(16|32)[-_]?(le|be)$/, "utf-$1$2");
  const name = ALIASES[typed] ?? hyphened;
  if (Object.hasOwn(SEVEN_BIT, name)) return name;
  try {
    return new TextDecoder(name).encoding;
  } catch {
    return knownToIconv(name);
  }
}

function knownToIconv(name: string): string | null {
  if (name === "" || NOT_OF_TEXTS.test(name)) return null;
  const page = /^(?:cp|ibm|csibm|dos|oem)[-_ ]?(\d{3,4})$/.exec(name)?.[1];
  const spelt = page === undefined ? name : `ibm${page}`;
  return loadIconv().encodingExists(spelt) ? spelt : null;
}

/** A decoder of the encoding. @param encoding as `knownEncoding` names it. */
export function openDecoder(encoding: string): Decoder {
  if (Object.hasOwn(SEVEN_BIT, encoding)) return new SevenBitDecoder(encoding);
  if (encoding === "windows-1252") return new Windows1252Decoder();
  try {
    return new TextDecoder(encoding);
  } catch {
    return new IconvDecoder(encoding);
  }
}

class IconvDecoder implements Decoder {
  readonly #stream: Iconv.DecoderStream;

  constructor(encoding: string) {
    const { encodingExists, getDecoder } = loadIconv();
    if (!encodingExists(encoding)) throw new RangeError("the encoding is not known");
    this.#stream = getDecoder(encoding);
  }

  decode(bytes: Uint8Array, { stream }: { readonly stream: boolean }): string {
    const text = this.#stream.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    return stream ? text : text + (this.#stream.end() ?? "");
  }
}

/**
 * Bytes 0x80 to 0x9F of windows-1252 (WHATWG Encoding). Node before 24 decodes them as Latin-1, as control characters.
 */
const WINDOWS_1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";

class Windows1252Decoder implements Decoder {
  readonly #decoder = new TextDecoder("windows-1252");

  decode(bytes: Uint8Array, options: { readonly stream: boolean }): string {
    const text = this.#decoder.decode(bytes, options);
    return text.replace(/[\u0080-\u009f]/g, (control) => WINDOWS_1252[control.charCodeAt(0) - 0x80]);
  }
}

const [ESCAPE, SHIFT_OUT, SHIFT_IN, TILDE, NEWLINE] = [0x1b, 0x0e, 0x0f, 0x7e, 0x0a];
/** The bytes of ISO-2022-KR's and -CN's announcement, `ESC $ ) C`. */
const ANNOUNCEMENT_BYTES = 4;

/**
 * ISO-2022-KR (RFC 1557), the GB 2312 of ISO-2022-CN (RFC 1922) and HZ (RFC 1843): ASCII in which marks switch to pairs
 * of seven-bit bytes. With the high bit set, the pairs are EUC-KR or GB 18030, which Node decodes.
 *
 *     ISO-2022   ESC $ ) C … SO 30 21 SI        HZ   ~{ 30 21 ~}
 */
class SevenBitDecoder implements Decoder {
  readonly #isHz: boolean;
  readonly #decoder: TextDecoder;
  #inPairs = false;
  #held = Buffer.alloc(0);

  constructor(encoding: string) {
    this.#isHz = encoding === "hz-gb-2312";
    this.#decoder = new TextDecoder(SEVEN_BIT[encoding]);
  }

  decode(bytes: Uint8Array, options: { readonly stream: boolean }): string {
    const all = Buffer.concat([this.#held, bytes]);
    const eightBit = Buffer.alloc(all.length);
    let [read, written] = [0, 0];
    while (read < all.length) {
      const mark = this.#isHz ? this.#tildeMark(all, read) : this.#shiftMark(all, read);
      const length = mark > 0 ? mark : this.#inPairs && all[read] > 0x20 ? 2 : 1;
      if (options.stream && read + length > all.length) break;
      if (mark === 0) {
        const high = length === 2 ? 0x80 : 0;
        for (const byte of all.subarray(read, read + length)) eightBit[written++] = byte | high;
      } else if (this.#isHz && all[read + 1] === TILDE) eightBit[written++] = TILDE;
      read += length;
    }
    this.#held = Buffer.from(all.subarray(read));
    return this.#decoder.decode(eightBit.subarray(0, written), options);
  }

  /** The length of the mark at a position, which is obeyed; 0: a character. */
  #shiftMark(bytes: Buffer, at: number): number {
    if (bytes[at] === ESCAPE) return ANNOUNCEMENT_BYTES;
    if (bytes[at] !== SHIFT_OUT && bytes[at] !== SHIFT_IN) return 0;
    this.#inPairs = bytes[at] === SHIFT_OUT;
    return 1;
  }

  /** As `#shiftMark`, in HZ: `~{`, `~}`, `~~` for a tilde, and `~` at the end of a line that goes on. */
  #tildeMark(bytes: Buffer, at: number): number {
    if (bytes[at] === NEWLINE) this.#inPairs = false;
    if (bytes[at] !== TILDE) return 0;
    const next = bytes[at + 1];
    if (next === 0x7b || next === 0x7d) this.#inPairs = next === 0x7b;
    else if (next !== undefined && (this.#inPairs || (next !== TILDE && next !== NEWLINE))) return 0;
    return 2;
  }
}
