/**
 * SHA-256 (FIPS 180-4), incremental and synchronous. `crypto.subtle` needs all bytes at once, is asynchronous, and is
 * missing in pages without a secure origin. Node's own hash is faster; code in `node/` uses it instead.
 */

/** An incremental hash function. */
export interface Hasher {
  /** Adds bytes, or text encoded as UTF-8. */
  update(piece: Uint8Array | string): void;
  /** The hash of everything added, in hex. Call it once, at the end. */
  digest(): string;
}

const BLOCK_BYTES = 64;

/** The first 32 bits of the fractional part of a root of a prime. */
const fraction = (root: number): number => ((root - Math.floor(root)) * 2 ** 32) | 0;
const PRIMES = Array.from({ length: 312 }, (_, i) => i).filter(
  (n) => n > 1 && !Array.from({ length: n }, (_, d) => d).some((d) => d > 1 && d * d <= n && n % d === 0),
);
/** Section 4.2.2: from the cube roots of the first 64 primes; section 5.3.3: from the square roots of the first 8. */
const ROUND_CONSTANTS = Int32Array.from(PRIMES.slice(0, 64), (prime) => fraction(Math.cbrt(prime)));
const INITIAL_STATE = Int32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));

const rotateRight = (x: number, bits: number): number => (x >>> bits) | (x << (32 - bits));

/** SHA-256 in plain JavaScript, which runs wherever the library runs. */
export class Sha256 implements Hasher {
  readonly #state = INITIAL_STATE.slice();
  readonly #block = new Uint8Array(BLOCK_BYTES);
  readonly #view = new DataView(this.#block.buffer);
  readonly #words = new Int32Array(64);
  readonly #encoder = new TextEncoder();
  #filled = 0;
  #bytes = 0;

  /** As `Hasher.update`. */
  update(piece: Uint8Array | string): void {
    const bytes = typeof piece === "string" ? this.#encoder.encode(piece) : piece;
    this.#bytes += bytes.length;
    for (let start = 0; start < bytes.length;) {
      const count = Math.min(BLOCK_BYTES - this.#filled, bytes.length - start);
      this.#block.set(bytes.subarray(start, start + count), this.#filled);
      this.#filled += count;
      start += count;
      if (this.#filled === BLOCK_BYTES) this.#compress();
    }
  }

  /** As `Hasher.digest`. */
  digest(): string {
    const bits = 8 * this.#bytes;
    const zeros = (2 * BLOCK_BYTES - 9 - this.#filled) % BLOCK_BYTES;
    const padding = new Uint8Array(1 + zeros + 8);
    padding[0] = 0x80;
    const length = new DataView(padding.buffer, 1 + zeros);
    length.setUint32(0, Math.floor(bits / 2 ** 32));
    length.setUint32(4, bits >>> 0);
    this.update(padding);
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  /** Compresses the filled block into the state (section 6.2.2). */
  #compress(): void {
    const words = this.#words;
    for (let t = 0; t < 16; t++) words[t] = this.#view.getInt32(4 * t);
    for (let t = 16; t < 64; t++) {
      const early = words[t - 15];
      const late = words[t - 2];
      const sigma0 = rotateRight(early, 7) ^ rotateRight(early, 18) ^ (early >>> 3);
      const sigma1 = rotateRight(late, 17) ^ rotateRight(late, 19) ^ (late >>> 10);
      words[t] = (words[t - 16] + sigma0 + words[t - 7] + sigma1) | 0;
    }
    let [a, b, c, d, e, f, g, h] = this.#state;
    for (let t = 0; t < 64; t++) {
      const sum1 = rotateRight(e, 6) ^ rotateRight(e, 11) ^ rotateRight(e, 25);
      const choice = (e & f) ^ (~e & g);
      const temporary = (h + sum1 + choice + ROUND_CONSTANTS[t] + words[t]) | 0;
      const sum0 = rotateRight(a, 2) ^ rotateRight(a, 13) ^ rotateRight(a, 22);
      const majority = (a & b) ^ (a & c) ^ (b & c);
      h = g;
      g = f;
      f = e;
      e = (d + temporary) | 0;
      d = c;
      c = b;
      b = a;
      a = (temporary + sum0 + majority) | 0;
    }
    this.#state.set([a, b, c, d, e, f, g, h].map((value, i) => (this.#state[i] + value) | 0));
    this.#filled = 0;
  }
}

/** The SHA-256 of bytes, or of text as UTF-8, in hex. */
export function sha256Of(message: Uint8Array | string): string {
  const hash = new Sha256();
  hash.update(message);
  return hash.digest();
}

/** SHA-256 of a list of documents. Checkpoints store it, so that a resume detects changed training data. */
export class DocumentsHash {
  readonly #hasher: Hasher;

  /** Takes over `hasher`. */
  constructor(hasher: Hasher = new Sha256()) {
    this.#hasher = hasher;
  }

  /**
   * Adds a document on a line of its own. Its further lines are indented by a space; no document begins with one, so
   * different lists of documents never give the same bytes.
   */
  add(document: string): void {
    this.#hasher.update(`${document.replaceAll("\n", "\n ")}\n`);
  }

  /** The hash in hex. Call it once, at the end. */
  finish(): string {
    return this.#hasher.digest();
  }
}

/** Length of a text in UTF-8 bytes. A lone surrogate counts as U+FFFD, as `TextEncoder` writes it. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    const next = text.charCodeAt(i + 1); // NaN at the end
    const isPair = unit >= 0xd800 && unit < 0xdc00 && next >= 0xdc00 && next < 0xe000;
    // 2 bytes for one unit, 4 for a pair (two units), 3 otherwise.
    bytes += unit < 0x800 ? 1 : 2;
    if (isPair) i++;
  }
  return bytes;
}
