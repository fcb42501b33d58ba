/**
 * The machine's MPI library, called by koffi: which one is the launcher's own, and the few functions that `mpi-thread.ts` uses.
 *
 * MPI defines no binary interface (before MPI 5), and there are two. MPICH and its relatives (Intel MPI, MVAPICH, Cray
 * MPICH) share one, in which handles are integers: https://www.mpich.org/abi/. In Open MPI's they are addresses of exported
 * variables (`mpi.h` of either has the values below).
 */
import { InputError, showPath } from "../errors.ts";
import type { Koffi, KoffiLibrary } from "./koffi.ts";
import type { Launch, MpiKind } from "./mpi-launch.ts";

/** Names of libraries, by kind. The numbers are those of the binary interfaces. */
const LIBRARIES: Readonly<Record<MpiKind, readonly string[]>> = {
  MPICH: ["libmpich.so.12", "libmpi.so.12", "libmpich.dylib", "libmpi.so"],
  "Open MPI": ["libmpi.so.40", "libmpi.40.dylib", "libmpi.dylib", "libmpi.so"],
};

/** Where handles and constants of the two interfaces are. A text is the name of a variable whose address is the value. */
const INTERFACES = {
  MPICH: {
    handle: "int",
    world: 0x44000000,
    byte: 0x4c00010d,
    float: 0x4c00040a,
    double: 0x4c00080b,
    sum: 0x58000003,
    inPlace: -1,
    ignore: 1,
    anySource: -2,
  },
  "Open MPI": {
    handle: "intptr_t",
    world: "ompi_mpi_comm_world",
    byte: "ompi_mpi_byte",
    float: "ompi_mpi_float",
    double: "ompi_mpi_double",
    sum: "ompi_mpi_op_sum",
    inPlace: 1,
    ignore: 0,
    anySource: -1,
  },
} as const;

/** The functions of MPI that are used. All are called by one thread. Addresses are bytes; `request` is one of 8 bytes. */
export interface Mpi {
  /** The library, which must not be unloaded while its functions are called. */
  readonly library: KoffiLibrary;
  /** Joins the other processes, which must call it too; blocks until they have. */
  start(): { readonly rank: number; readonly size: number };
  /** Starts a sum in place over all ranks. */
  sum(type: "float" | "double", address: number, count: number, request: number): void;
  /** Starts sending bytes. */
  send(address: number, bytes: number, to: number, tag: number, request: number): void;
  /** Starts receiving bytes. */
  receive(address: number, bytes: number, from: number, tag: number, request: number): void;
  /** Whether a request is done; lets all others progress. */
  isDone(request: number): boolean;
  /** Whether a message with the tag has come. */
  hasCome(tag: number): boolean;
  /** Receives a message with the tag that has come, from any rank. */
  take(address: number, bytes: number, tag: number): void;
  /** Lets other processes use this core. */
  yield(): void;
  /** Ends all processes. */
  abort(exitCode: number): void;
  /** Leaves; no call may follow. */
  finish(): void;
}

/**
 * Loads the launcher's library. Throws InputError (code "machine") if there is none, or if it is of another kind.
 * @param named a path that counts instead (MICROGPT_MPI); null: none.
 */
export function openMpi(koffi: Koffi | null, { kinds }: Launch, named: string | null): Mpi {
  if (koffi === null) {
    throw new InputError("mpi: several ranks need the package koffi; npm install koffi", "machine");
  }
  const names = named === null ? kinds.flatMap((kind) => LIBRARIES[kind]) : [named];
  const others: string[] = [];
  for (const name of names) {
    const kind = kindOf(koffi, name);
    if (kind !== undefined && kind !== null && kinds.includes(kind)) return bind(koffi, name, kind);
    if (kind !== undefined) others.push(`${showPath(name)} is ${kind ?? "not a known MPI library"}`);
  }
  const launcher = kinds.length > 1 ? "" : `, but the launcher is ${kinds[0]}'s`;
  const remedy = "name the launcher's own library: MICROGPT_MPI=/path/to/libmpi.so";
  if (others.length > 0) throw new InputError(`mpi: ${others[0]}${launcher}; ${remedy}`, "machine");
  const tried = names.map((name) => showPath(name)).join(", ");
  throw new InputError(`mpi: no library can be loaded (tried ${tried}); install one, or ${remedy}`, "machine");
}

/** The kind of a library, by what it says of itself; null: neither; undefined: it cannot be loaded. */
function kindOf(koffi: Koffi, name: string): MpiKind | null | undefined {
  let library: KoffiLibrary;
  try {
    library = koffi.load(name);
  } catch {
    return undefined;
  }
  const text = new Uint8Array(new ArrayBuffer(VERSION_BYTES + 4)); // the text, then its length
  const address = Number(koffi.address(text));
  try {
    library.func("int MPI_Get_library_version(intptr_t, intptr_t)")(address, address + VERSION_BYTES);
  } catch {
    return null; // it has no such function
  }
  const version = Buffer.from(text.buffer).toString("latin1");
  if (version.includes("Open MPI")) return "Open MPI";
  return /MPICH|Intel|MVAPICH|CRAY/i.test(version) ? "MPICH" : null;
}

/** MPI_MAX_LIBRARY_VERSION_STRING, the larger of both. */
const VERSION_BYTES = 8192;

function bind(koffi: Koffi, path: string, kind: MpiKind): Mpi {
  const library = koffi.load(path, { global: true }); // Open MPI loads its components, which look for its symbols
  const { handle, inPlace, ignore, anySource, ...names } = INTERFACES[kind];
  const valueOf = (name: string | number): number =>
    typeof name === "number" ? name : Number(koffi.address(library.symbol(name, "void *")));
  const [world, byte, float, double, sum] = [names.world, names.byte, names.float, names.double, names.sum].map(
    valueOf,
  );
  const types = { float, double };
  const memory = new ArrayBuffer(64); // not moved by V8, as small arrays are
  const result = new Int32Array(memory);
  const resultAt = Number(koffi.address(result));
  const func = (name: string, parameters: string): NativeCall => {
    const call = library.func(`int MPI_${name}(${parameters.replaceAll("H", handle)})`);
    return (...numbers) => void call(...numbers);
  };
  const init = func("Init_thread", "intptr_t, intptr_t, int, intptr_t");
  const [rank, size] = [func("Comm_rank", "H, intptr_t"), func("Comm_size", "H, intptr_t")];
  const iallreduce = func("Iallreduce", "intptr_t, intptr_t, int, H, H, H, intptr_t");
  const isend = func("Isend", "intptr_t, int, H, int, int, H, intptr_t");
  const irecv = func("Irecv", "intptr_t, int, H, int, int, H, intptr_t");
  const recv = func("Recv", "intptr_t, int, H, int, int, H, intptr_t");
  const [test, iprobe] = [
    func("Test", "intptr_t, intptr_t, intptr_t"),
    func("Iprobe", "int, int, H, intptr_t, intptr_t"),
  ];
  const [abort, finalize] = [func("Abort", "H, int"), func("Finalize", "")];
  const resultOf = (call: NativeCall): number => {
    call(world, resultAt);
    return result[0];
  };
  return {
    library,
    start() {
      init(0, 0, 1, resultAt); // MPI_THREAD_FUNNELED: one thread calls MPI
      return { rank: resultOf(rank), size: resultOf(size) };
    },
    sum: (type, address, count, request) => iallreduce(inPlace, address, count, types[type], sum, world, request),
    send: (address, bytes, to, tag, request) => isend(address, bytes, byte, to, tag, world, request),
    receive: (address, bytes, from, tag, request) => irecv(address, bytes, byte, from, tag, world, request),
    isDone(request) {
      test(request, resultAt, ignore);
      return result[0] !== 0;
    },
    hasCome(tag) {
      iprobe(anySource, tag, world, resultAt, ignore);
      return result[0] !== 0;
    },
    take: (address, bytes, tag) => recv(address, bytes, byte, anySource, tag, world, ignore),
    yield: yieldOf(koffi),
    abort: (exitCode) => abort(world, exitCode),
    finish: finalize,
  };
}

type NativeCall = (...numbers: number[]) => void;

/** `sched_yield`: where there are more threads than cores, the others need not wait until this one's time is over. */
function yieldOf(koffi: Koffi): () => void {
  try {
    const call = koffi.load(null).func("int sched_yield()");
    return () => void call();
  } catch {
    return () => {};
  }
}
