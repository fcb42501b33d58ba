import { describe, expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import type { Koffi } from "../../src/node/koffi.ts";
import { launchOf } from "../../src/node/mpi-launch.ts";
import type { MpiKind } from "../../src/node/mpi-launch.ts";
import { openMpi } from "../../src/node/mpi-library.ts";
import { loadedBy } from "../setup/loaded.ts";
import { TINY, workspace, writeWords } from "../setup/microgpt.ts";

describe("a launcher is known by what it says in the environment", () => {
  const ompi = { OMPI_COMM_WORLD_RANK: "1", OMPI_COMM_WORLD_SIZE: "4", OMPI_COMM_WORLD_LOCAL_SIZE: "2" };
  const hydra = { PMI_RANK: "3", PMI_SIZE: "4", MPI_LOCALNRANKS: "4", MPI_LOCALRANKID: "3", PMI_FD: "6" };
  const slurm = { SLURM_PROCID: "1", SLURM_NTASKS: "2", SLURM_NTASKS_PER_NODE: "1", SLURM_LOCALID: "0" };
  const both = ["MPICH", "Open MPI"];
  const unbound = { isBound: false };

  test.each([
    ["Open MPI's", ompi, { rank: 1, size: 4, onThisHost: 2, kinds: ["Open MPI"], ...unbound }],
    [
      "Open MPI's, which binds",
      { ...ompi, OMPI_MCA_orte_bound_at_launch: "1" },
      { rank: 1, size: 4, onThisHost: 2, kinds: ["Open MPI"], isBound: true },
    ],
    ["MPICH's", hydra, { rank: 3, size: 4, onThisHost: 4, kinds: ["MPICH"], ...unbound }],
    [
      "srun --mpi=pmi2",
      { ...slurm, PMI_RANK: "1", PMI_SIZE: "2" },
      { rank: 1, size: 2, onThisHost: 1, kinds: both, isBound: true },
    ],
    [
      "srun --mpi=pmix",
      { ...slurm, PMIX_RANK: "1" },
      { rank: 1, size: 2, onThisHost: 1, kinds: both.toReversed(), isBound: true },
    ],
    ["none", {}, null],
    ["srun without MPI", slurm, null],
    ["MPICH's, of one process", { PMI_RANK: "0", PMI_SIZE: "1" }, null],
    ["nonsense", { PMI_RANK: "x", PMI_SIZE: "2" }, null],
    ["a rank that cannot be", { PMI_RANK: "2", PMI_SIZE: "2" }, null],
  ])("%s", (_name, env, expected) => {
    expect(launchOf(env)).toEqual(expected);
  });
});

describe("an MPI library that does not suit is one sentence that says what to do", () => {
  /** Libraries that say what they are; null: without MPI's functions. */
  const koffiOf = (libraries: Readonly<Record<string, string | null>>): Koffi => {
    const memory = new Map<bigint, Uint8Array>();
    return {
      load(path) {
        const version = path === null ? undefined : libraries[path];
        if (version === undefined) throw new Error("cannot open shared object file");
        return {
          func(prototype) {
            if (version === null) throw new Error(`no ${prototype}`);
            return (address) => memory.get(BigInt(Number(address)))!.set(new TextEncoder().encode(version));
          },
          symbol: () => null,
          unload() {},
        };
      },
      address(value) {
        memory.set(4096n, value as Uint8Array);
        return 4096n;
      },
    };
  };
  const launch = (...kinds: MpiKind[]) => ({ rank: 0, size: 2, onThisHost: 2, kinds, isBound: false });
  const openMpiHere = "libmpi.so.40";
  const remedy = "name the launcher's own library: MICROGPT_MPI=/path/to/libmpi.so";

  test.each([
    [null, launch("MPICH"), null, "mpi: several ranks need the package koffi; npm install koffi"],
    [
      koffiOf({}),
      launch("MPICH"),
      null,
      `mpi: no library can be loaded (tried libmpich.so.12, libmpi.so.12, libmpich.dylib, libmpi.so); install one, or ${remedy}`,
    ],
    [
      koffiOf({ "libmpi.so": "Open MPI v4.1.4" }),
      launch("MPICH"),
      null,
      `mpi: libmpi.so is Open MPI, but the launcher is MPICH's; ${remedy}`,
    ],
    [
      koffiOf({ [openMpiHere]: "MPICH Version: 4.0.2" }),
      launch("Open MPI"),
      openMpiHere,
      `mpi: libmpi.so.40 is MPICH, but the launcher is Open MPI's; ${remedy}`,
    ],
    [
      koffiOf({ "/lib/libc.so": null }),
      launch("MPICH", "Open MPI"),
      "/lib/libc.so",
      `mpi: /lib/libc.so is not a known MPI library; ${remedy}`,
    ],
  ])("%#: %o", (koffi, launched, named, message) => {
    const open = (): unknown => openMpi(koffi, launched, named);
    expect(open).toThrow(new InputError(message, "machine"));
  });
});

describe("without a launcher", () => {
  const rankFilesOf = (args: readonly string[]): string[] => {
    const all = loadedBy(args);
    expect(all).toEqual(expect.arrayContaining([expect.stringMatching(/\/mpi-launch\.js$/)]));
    return all.filter((name) => /\/(?:rank-group|mpi|mpi-(?!launch)\w+)\.js|koffi\.node|libmpi/.test(name));
  };

  test.each([[["--help"]], [["train", "--help"]]])("%j loads nothing of MPI", (args) => {
    expect(rankFilesOf(args)).toEqual([]);
  });

  test("neither does a training", () => {
    const directory = workspace();
    expect(rankFilesOf(["train", "--data", writeWords(directory), "--runs-dir", directory, ...TINY])).toEqual([]);
  });
});
