/** One wrong line, and where it goes. */
export interface Bug {
  readonly name: string;
  readonly file: string;
  /** What stands in the file, once, and what is put in its place. */
  readonly from: string;
  readonly to: string;
  /** The tests that must find it, relative to test/; absent: those of the room that it is in. */
  readonly tests?: readonly string[];
}
