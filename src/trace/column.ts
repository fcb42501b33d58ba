/** A list of numbers that grows in a typed array: a trace has hundreds of thousands, and a worker transfers the result. */

type Store = Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** Numbers of one kind, appended one by one. */
export class Column<Kind extends Store> {
  /** How many there are. */
  length: number = 0;
  readonly #make: (length: number) => Kind;
  #store: Kind;

  /** @param make makes an array of zeros, such as `(length) => new Int32Array(length)`. */
  constructor(make: (length: number) => Kind) {
    this.#make = make;
    this.#store = make(1024);
  }

  /** Appends a number. */
  push(number: number): void {
    if (this.length === this.#store.length) {
      const larger = this.#make(2 * this.length);
      larger.set(this.#store);
      this.#store = larger;
    }
    const store: Store = this.#store;
    store[this.length++] = number;
  }

  /** The number at an index below `length`. */
  get(index: number): number {
    return this.#store[index];
  }

  /** Replaces the number at an index below `length`. */
  put(index: number, number: number): void {
    const store: Store = this.#store;
    store[index] = number;
  }

  /** A copy of exactly the numbers appended so far. */
  toArray(): Kind {
    const exact = this.#make(this.length);
    const store: Store = this.#store;
    exact.set(store.subarray(0, this.length));
    return exact;
  }
}

/** An empty list of whole numbers, 32 bits each. */
export const integers = (): Column<Int32Array<ArrayBuffer>> => new Column((length) => new Int32Array(length));
/** An empty list of numbers, 64 bits each. */
export const doubles = (): Column<Float64Array<ArrayBuffer>> => new Column((length) => new Float64Array(length));
