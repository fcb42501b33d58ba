/**
 * Runs that the browser keeps, so that a reload continues: each in a folder of the page's private file system (OPFS).
 *
 *   runs/ID/
 *   ├─ pointer.json    names the last complete save
 *   └─ save-UUID/      its files, each path as one name: checkpoints%2Fstep-000200.safetensors
 *
 * A save writes a new folder, then the pointer, then removes the old folder. The browser replaces the pointer as a whole, so a tab that
 * is closed at any moment leaves the last save or the new one. A fault is a result with a sentence, never an exception.
 */
import type { RunFiles } from "../../src/index.ts";
import { parsePointer, pointerText } from "./saved-run.ts";
import type { Pointer, SavedRun } from "./saved-run.ts";
import { fault, faultOf, stored } from "./stored.ts";
import type { Stored } from "./stored.ts";

const ROOT = "runs";
const POINTER = "pointer.json";
/** Safe as a folder's name in every file system. */
const ID = /^[a-z0-9-]{1,64}$/;

const REFUSED =
  "This browser does not let the page store anything, so a reload starts anew; download the run to keep it.";

/** What a page says of a run that it saves. */
export type RunToSave = Pick<SavedRun, "id" | "title" | "step" | "numSteps">;

/** A saved run, loaded. */
export interface LoadedRun {
  readonly run: SavedRun;
  readonly files: RunFiles;
}

/** The runs that this browser keeps for this site. */
export class RunStore {
  readonly #runs: FileSystemDirectoryHandle;

  private constructor(runs: FileSystemDirectoryHandle) {
    this.#runs = runs;
  }

  /**
   * Opens the page's private file system. "refused": the browser has none, or not for this page, as in some private
   * windows. @param root gives the file system's root.
   */
  static async open(root: () => Promise<FileSystemDirectoryHandle> = privateRoot): Promise<Stored<RunStore>> {
    try {
      return stored(new RunStore(await (await root()).getDirectoryHandle(ROOT, { create: true })));
    } catch (error) {
      return faultOf(error) === "full" ? full(0, null) : fault("refused", REFUSED);
    }
  }

  /**
   * Saves a run's files. If that fails, the run's last save is as it was. Throws TypeError for an id that is not of
   * lower-case letters, digits and hyphens.
   */
  async save({ id, title, step, numSteps }: RunToSave, files: RunFiles): Promise<Stored<SavedRun>> {
    if (!ID.test(id)) throw new TypeError(`id: got ${JSON.stringify(id)}, expected [a-z0-9-]`);
    const sizes = Object.fromEntries([...files].map(([path, bytes]) => [path, bytes.length]));
    const bytes = Object.values(sizes).reduce((sum, size) => sum + size, 0);
    const run = { id, title, step, numSteps, savedMs: Date.now(), bytes };
    const pointer = { run, folder: `save-${crypto.randomUUID()}`, sizes };
    return await alone(id, async () => await this.#save(pointer, files));
  }

  /** The files of a run's last save. */
  async load(id: string): Promise<Stored<RunFiles>> {
    const pointer = await this.#pointer(id);
    if (!pointer.ok) return pointer;
    const { folder, sizes } = pointer.value;
    const damaged = fault("damaged", "The saved run is damaged: a file of it is missing or cut off.");
    try {
      const save = await (await this.#runs.getDirectoryHandle(id)).getDirectoryHandle(folder);
      const files = new Map<string, Uint8Array>();
      for (const [path, size] of Object.entries(sizes)) {
        const bytes = await readFile(save, encodeURIComponent(path));
        if (bytes.length !== size) return damaged;
        files.set(path, bytes);
      }
      return stored(files);
    } catch (error) {
      return faultOf(error) === "missing" ? damaged : failed(error);
    }
  }

  /** The newest saved run that can be read; "missing": there is none. */
  async loadLast(): Promise<Stored<LoadedRun>> {
    const runs = await this.list();
    if (!runs.ok) return runs;
    for (const run of runs.value) {
      const files = await this.load(run.id);
      if (files.ok) return stored({ run, files: files.value });
    }
    return fault("missing", "There is no saved run.");
  }

  /** All saved runs, the newest first. What cannot be read is left out. */
  async list(): Promise<Stored<readonly SavedRun[]>> {
    try {
      const ids: string[] = [];
      for await (const id of this.#runs.keys()) ids.push(id);
      const pointers = await Promise.all(ids.map((id) => this.#pointer(id)));
      const runs = pointers.flatMap((pointer) => (pointer.ok ? [pointer.value.run] : []));
      return stored(runs.toSorted((a, b) => b.savedMs - a.savedMs));
    } catch (error) {
      return failed(error);
    }
  }

  /** Deletes a run, if there is one. */
  async delete(id: string): Promise<Stored<null>> {
    return await alone(id, async () => {
      try {
        await this.#runs.removeEntry(id, { recursive: true });
        return stored(null);
      } catch (error) {
        return faultOf(error) === "missing" ? stored(null) : failed(error);
      }
    });
  }

  async #save(pointer: Pointer, files: RunFiles): Promise<Stored<SavedRun>> {
    const { run, folder } = pointer;
    const last = await this.#pointer(run.id);
    try {
      const directory = await this.#runs.getDirectoryHandle(run.id, { create: true });
      try {
        const save = await directory.getDirectoryHandle(folder, { create: true });
        for (const [path, bytes] of files) await writeFile(save, encodeURIComponent(path), bytes);
        await writeFile(directory, POINTER, pointerText(pointer));
      } catch (error) {
        if (!(await this.#mayName(run.id, folder))) await removeQuietly(directory, folder);
        throw error;
      }
      await removeOthers(directory, folder);
      return stored(run);
    } catch (error) {
      return faultOf(error) === "full" ? full(run.bytes, last.ok ? last.value.run : null) : failed(error);
    }
  }

  /** Whether a run's pointer names a folder, or cannot be read: a pointer that is reported as failed may be written. */
  async #mayName(id: string, folder: string): Promise<boolean> {
    const pointer = await this.#pointer(id);
    return pointer.ok ? pointer.value.folder === folder : pointer.fault !== "missing";
  }

  async #pointer(id: string): Promise<Stored<Pointer>> {
    try {
      const directory = await this.#runs.getDirectoryHandle(id);
      const pointer = parsePointer(new TextDecoder().decode(await readFile(directory, POINTER)));
      if (pointer === null || pointer.run.id !== id)
        return fault("damaged", "The saved run is damaged: its list of files cannot be read.");
      return stored(pointer);
    } catch (error) {
      return faultOf(error) === "missing" ? fault("missing", "There is no saved run of this name.") : failed(error);
    }
  }
}

const privateRoot = async (): Promise<FileSystemDirectoryHandle> => await navigator.storage.getDirectory();

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

function full(bytes: number, last: SavedRun | null): Stored<never> {
  const kept = last === null ? "Nothing of it is saved" : `The save of step ${last.step} is kept`;
  return fault(
    "full",
    `The browser has no room for this run (${megabytes(bytes)}). ${kept}; delete a saved run, or download this one.`,
  );
}

const failed = (error: unknown): Stored<never> =>
  faultOf(error) === "refused"
    ? fault("refused", REFUSED)
    : fault("failed", `The browser's storage failed: ${error instanceof Error ? error.message : String(error)}.`);

/** Does work that no other tab does for the same run at the same time, where the browser can tell. */
async function alone<Result>(id: string, work: () => Promise<Result>): Promise<Result> {
  const locks = (globalThis.navigator as Partial<Navigator> | undefined)?.locks;
  return locks === undefined ? await work() : await locks.request(`microgpt-run-${id}`, work);
}

async function readFile(directory: FileSystemDirectoryHandle, name: string): Promise<Uint8Array> {
  const file = await (await directory.getFileHandle(name)).getFile();
  return new Uint8Array(await file.arrayBuffer());
}

/** Writes a file. Its new content is there, as a whole, once the stream is closed. */
async function writeFile(
  directory: FileSystemDirectoryHandle,
  name: string,
  content: Uint8Array | string,
): Promise<void> {
  const handle: Partial<FileSystemFileHandle> = await directory.getFileHandle(name, { create: true });
  // Safari before 26 reads such a file system, and writes to it from workers only.
  if (handle.createWritable === undefined) throw new DOMException("no createWritable", "NotAllowedError");
  const stream = await handle.createWritable();
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a run's files are not in shared memory
    await stream.write(content as Uint8Array<ArrayBuffer> | string);
  } catch (error) {
    await stream.abort().catch(() => {});
    throw error;
  }
  await stream.close();
}

/** Removes the folders of all saves but one: older ones, and what a closed tab left half-written. */
async function removeOthers(directory: FileSystemDirectoryHandle, kept: string): Promise<void> {
  const others: string[] = [];
  for await (const name of directory.keys()) if (name !== kept && name !== POINTER) others.push(name);
  for (const name of others) await removeQuietly(directory, name);
}

/** Failures are ignored: the next save removes it. */
async function removeQuietly(directory: FileSystemDirectoryHandle, name: string): Promise<void> {
  await directory.removeEntry(name, { recursive: true }).catch(() => {});
}
