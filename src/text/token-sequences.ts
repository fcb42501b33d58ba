/**
 * Many documents as tokens in one typed array: one byte per token for a vocabulary of at most 256, otherwise two or
 * four. Plain arrays would take eight bytes per token and an object per document.
 *
 *   ids       9 1 2 9 9 3 9       documents end to end; BOS is 9
 *   starts    0       4           offset of each document
 *   ends              4     7     its end
 *   order     1, 0                of one `TokenSequences`: [9, 3, 9], [9, 1, 2, 9], as views of `ids`
 */
import type { Random } from "../random.ts";

/** The tokens of a document with BOS at both ends, or of a window of a longer text. */
export type Tokens = ArrayLike<number>;

/** A read-only list: an array, or an object that makes each item on demand. */
export interface Sequence<Item> extends Iterable<Item> {
  /** Number of items. */
  readonly length: number;
  /** The item at an index, counted from the end if negative; undefined outside. */
  at(index: number): Item | undefined;
  /** Items from `start` up to `end`, as a view. */
  slice(start?: number, end?: number): Sequence<Item>;
}

/** Token ids in the narrowest type that holds them. */
export type Ids = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** Constructor of the narrowest typed array that holds every id. */
export const idArray = (vocabSize: number): Uint8ArrayConstructor | Uint16ArrayConstructor | Uint32ArrayConstructor =>
  vocabSize <= 2 ** 8 ? Uint8Array : vocabSize <= 2 ** 16 ? Uint16Array : Uint32Array;

/** Collects documents in one array, which grows by doubling. */
export class TokenCollector {
  #ids: Ids;
  #length = 0;
  /** Offset at which each document begins and the previous one ends. */
  #starts = new Float64Array(1024);
  #count = 0;

  /** Every id must be below `vocabSize`. */
  constructor(vocabSize: number) {
    this.#ids = new (idArray(vocabSize))(4096);
  }

  /** Number of documents so far. */
  get count(): number {
    return this.#count;
  }

  /** Adds a document; copies its ids. */
  add(ids: ArrayLike<number>): void {
    if (this.#length + ids.length > this.#ids.length) {
      this.#ids = grown(this.#ids, Math.max(2 * this.#ids.length, this.#length + ids.length));
    }
    if (this.#count === this.#starts.length) {
      const starts = new Float64Array(2 * this.#count);
      starts.set(this.#starts);
      this.#starts = starts;
    }
    this.#ids.set(ids, this.#length);
    this.#starts[this.#count++] = this.#length;
    this.#length += ids.length;
  }

  /** The tokens of all documents, end to end, and the length of each document, for `unpack`. `ids` is a view. */
  pack(): { readonly ids: Ids; readonly lengths: Uint32Array<ArrayBuffer> } {
    const lengths = Uint32Array.from({ length: this.#count }, (_, i) => this.#end(i) - this.#starts[i]);
    return { ids: this.#ids.subarray(0, this.#length), lengths };
  }

  /**
   * Restores a collector from `pack`; takes over `ids`. Throws RangeError if the lengths don't add up to `ids.length`.
   */
  static unpack(vocabSize: number, ids: Ids, lengths: Uint32Array): TokenCollector {
    const collector = new TokenCollector(vocabSize);
    collector.#starts = new Float64Array(Math.max(1, lengths.length));
    for (const length of lengths) {
      collector.#starts[collector.#count++] = collector.#length;
      collector.#length += length;
    }
    if (collector.#length !== ids.length) {
      throw new RangeError(
        `TokenCollector.unpack: got ${ids.length} ids, expected ${collector.#length} by their lengths`,
      );
    }
    if (ids.length > 0) collector.#ids = ids;
    return collector;
  }

  #end(document: number): number {
    return document + 1 < this.#count ? this.#starts[document + 1] : this.#length;
  }

  /** The documents that `order` lists, in that order; null: all, in the order they were added. */
  documents(order: Uint32Array | null = null): TokenSequences {
    const count = this.#count;
    const ends = Float64Array.from({ length: count }, (_, i) => this.#end(i));
    return new TokenSequences(this.#ids, this.#starts, ends, order ?? Uint32Array.from({ length: count }, (_, i) => i));
  }
}

function grown(ids: Ids, length: number): Ids {
  const larger =
    ids instanceof Uint8Array
      ? new Uint8Array(length)
      : ids instanceof Uint16Array
        ? new Uint16Array(length)
        : new Uint32Array(length);
  larger.set(ids);
  return larger;
}

/** Documents, or windows of them, in some order. Each is a view of the shared array, made on access. */
export class TokenSequences implements Sequence<Tokens> {
  readonly #ids: Ids;
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  readonly #order: Uint32Array;

  /** Used by `TokenCollector.documents`. Document i is `ids` from `starts[i]` up to `ends[i]`; takes over all four. */
  constructor(ids: Ids, starts: Float64Array, ends: Float64Array, order: Uint32Array) {
    this.#ids = ids;
    this.#starts = starts;
    this.#ends = ends;
    this.#order = order;
  }

  /** Number of documents or windows. */
  get length(): number {
    return this.#order.length;
  }

  at(index: number): Tokens {
    const document = this.#order[index];
    return this.#ids.subarray(this.#starts[document], this.#ends[document]);
  }

  slice(start?: number, end?: number): TokenSequences {
    return new TokenSequences(this.#ids, this.#starts, this.#ends, this.#order.slice(start, end));
  }

  *[Symbol.iterator](): IterableIterator<Tokens> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }

  /**
   * The documents without BOS, in the order of the shared array, each once: also those that windows were cut from, except
   * where a window's document is only partly in this list. `[[9, 1, 2], [2, 9, 3], [3, 9]]`, 9 → `[1, 2]`, `[3]`.
   */
  *texts(bos: number): Generator<Ids, void, void> {
    let [start, end] = [0, 0]; // neighbouring items are one range
    for (const item of this.#order.toSorted((a, b) => this.#starts[a] - this.#starts[b])) {
      if (this.#starts[item] > end) {
        yield* this.#between(bos, start, end);
        start = this.#starts[item];
      }
      end = Math.max(end, this.#ends[item]);
    }
    yield* this.#between(bos, start, end);
  }

  /** What stands between BOS and BOS in a range. */
  *#between(bos: number, start: number, end: number): Generator<Ids, void, void> {
    for (let from = start; from < end;) {
      const found = this.#ids.indexOf(bos, from);
      const to = found < 0 || found > end ? end : found;
      if (to > from) yield this.#ids.subarray(from, to);
      from = to + 1;
    }
  }

  /** Number of tokens of all documents. */
  countTokens(): number {
    return this.#order.reduce((sum, document) => sum + this.#ends[document] - this.#starts[document], 0);
  }

  /** The same documents in an order drawn from the generator. */
  shuffled(random: Random): TokenSequences {
    const order = this.#order.slice();
    random.shuffle(order);
    return new TokenSequences(this.#ids, this.#starts, this.#ends, order);
  }

  /**
   * Windows in which every token is trained on: lays documents [BOS, …, BOS] end to end, sharing the BOS between two,
   * and cuts them into windows of blockSize + 1 tokens that overlap by one. So each token but the first BOS is a target
   * exactly once. The last window may be shorter. `[[9, 1, 2, 9], [9, 3, 9]]`, 2 → `[[9, 1, 2], [2, 9, 3], [3, 9]]`.
   */
  windows(blockSize: number): TokenSequences {
    const length = Math.max(0, this.countTokens() - Math.max(0, this.length - 1));
    const stream = grown(this.#ids.slice(0, 0), length);
    let end = 0;
    for (const document of this.#order) {
      const shared = end === 0 ? 0 : 1;
      const tokens = this.#ids.subarray(this.#starts[document] + shared, this.#ends[document]);
      stream.set(tokens, end);
      end += tokens.length;
    }
    const count = Math.max(0, Math.ceil((length - 1) / blockSize));
    const starts = Float64Array.from({ length: count }, (_, i) => i * blockSize);
    const ends = starts.map((start) => Math.min(length, start + blockSize + 1));
    return new TokenSequences(
      stream,
      starts,
      ends,
      Uint32Array.from({ length: count }, (_, i) => i),
    );
  }
}
