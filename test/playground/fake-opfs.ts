/**
 * The browser's private file system in memory, with the promises that the standard makes and no more: a file changes when
 * its stream is closed, as a whole; a folder is removed entry by entry. It may be full, and a tab may be closed before
 * any operation.
 */

type Entry = FakeFile | FakeDirectory;

/** A disk that outlives the tabs. */
export class FakeDisk {
  readonly root: FakeDirectory = new FakeDirectory(this);
  /** Bytes that fit; undefined: any. */
  capacity: number = Number.POSITIVE_INFINITY;
  /** Operations until the tab is closed: from then on, none has an effect. */
  operationsLeft: number = Number.POSITIVE_INFINITY;

  get handle(): () => Promise<FileSystemDirectoryHandle> {
    return async () => await Promise.resolve(this.root as unknown as FileSystemDirectoryHandle);
  }

  async operate(): Promise<void> {
    await Promise.resolve();
    if (this.operationsLeft-- <= 0) throw new Error("the tab is closed");
  }
}

/** A folder. */
export class FakeDirectory {
  readonly entries: Map<string, Entry> = new Map();
  readonly #disk: FakeDisk;

  constructor(disk: FakeDisk) {
    this.#disk = disk;
  }

  get bytes(): number {
    return [...this.entries.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async *keys(): AsyncGenerator<string> {
    await this.#disk.operate();
    yield* this.entries.keys();
  }

  async getDirectoryHandle(name: string, options: { create?: boolean } = {}): Promise<FakeDirectory> {
    const entry = await this.#find(name, options.create === true ? () => new FakeDirectory(this.#disk) : null);
    if (entry instanceof FakeDirectory) return entry;
    throw new DOMException("it is a file", "TypeMismatchError");
  }

  async getFileHandle(name: string, options: { create?: boolean } = {}): Promise<FakeFile> {
    const entry = await this.#find(name, options.create === true ? () => new FakeFile(this.#disk) : null);
    if (entry instanceof FakeFile) return entry;
    throw new DOMException("it is a folder", "TypeMismatchError");
  }

  async removeEntry(name: string, options: { recursive?: boolean } = {}): Promise<void> {
    const entry = await this.#find(name, null);
    if (entry instanceof FakeDirectory) {
      if (entry.entries.size > 0 && options.recursive !== true)
        throw new DOMException("it is not empty", "InvalidModificationError");
      for (const inner of entry.entries.keys()) await entry.removeEntry(inner, options);
    }
    this.entries.delete(name);
  }

  async #find(name: string, make: (() => Entry) | null): Promise<Entry> {
    await this.#disk.operate();
    // As browsers check it.
    if (name === "" || name === "." || name === ".." || /[/\\]/.test(name)) throw new TypeError("name is not allowed");
    const entry = this.entries.get(name) ?? make?.();
    if (entry === undefined) throw new DOMException("there is no such entry", "NotFoundError");
    this.entries.set(name, entry);
    return entry;
  }
}

/** A file. */
export class FakeFile {
  content: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  readonly #disk: FakeDisk;

  constructor(disk: FakeDisk) {
    this.#disk = disk;
  }

  get bytes(): number {
    return this.content.length;
  }

  async getFile(): Promise<Blob> {
    await this.#disk.operate();
    return new Blob([this.content]);
  }

  async createWritable(): Promise<Pick<FileSystemWritableFileStream, "write" | "close" | "abort">> {
    await this.#disk.operate();
    let written = new Uint8Array(0);
    return {
      write: async (data) => {
        await this.#disk.operate();
        const bytes = new Uint8Array(await new Blob([data as BlobPart]).arrayBuffer());
        if (this.#disk.root.bytes + written.length + bytes.length > this.#disk.capacity)
          throw new DOMException("the quota is exceeded", "QuotaExceededError");
        written = new Uint8Array([...written, ...bytes]);
      },
      close: async () => {
        await this.#disk.operate();
        this.content = written;
      },
      abort: async () => await this.#disk.operate(),
    };
  }
}
