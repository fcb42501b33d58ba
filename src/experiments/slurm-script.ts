/**
 * The script for `sbatch` that runs a sweep as a job array (https://slurm.schedmd.com/job_array.html). Pure: data in, text
 * out; `sweep/slurm.ts` talks to Slurm.
 */
import { InputError, isRecord, quote } from "../errors.ts";

/** Options passed to `sbatch` as they are; null: the cluster's default. */
export interface SlurmSettings {
  /** Time limit of each run, `--time`. */
  readonly time: string | null;
  /** Memory of each run, `--mem`. */
  readonly mem: string | null;
  /** Devices, `--gres`. */
  readonly gres: string | null;
  /** Queue, `--partition`. */
  readonly partition: string | null;
  /** Cores of each run, `--cpus-per-task`. */
  readonly cpusPerTask: string | null;
  /** Further options of sbatch, such as `--account=me`. */
  readonly sbatch: readonly string[];
}

/** No options: only memory is asked for, by the formula of `--dry-run`. */
export const NO_SLURM_SETTINGS: SlurmSettings = {
  time: null,
  mem: null,
  gres: null,
  partition: null,
  cpusPerTask: null,
  sbatch: [],
};

/** What a script is made of. */
export interface ScriptInput {
  /** Options of sbatch. */
  readonly settings: SlurmSettings;
  /** The job's name, as the queue shows it. */
  readonly jobName: string;
  /** The sweep's directory, absolute. */
  readonly directory: string;
  /** Runs, in the order of the array's indices. */
  readonly names: readonly string[];
  /** How far to train, as a fraction of all steps. */
  readonly share: number;
  /** Tasks at once; null: no limit of ours. */
  readonly jobs: number | null;
  /** The memory of the largest run, by the formula; requested where `--mem` is not given. */
  readonly bytes: number;
  /** The command: Node, its arguments, and the file of the command line. */
  readonly program: readonly string[];
  /** Further arguments of each task. */
  readonly more: readonly string[];
}

/** Memory beyond the formula: libraries, garbage not yet collected. */
const SPARE_MEMORY = 1.25;
/** Tasks per array: Slurm's default for MaxArraySize is 1,001. */
export const MAX_ARRAY = 1000;
/** Seconds between the lines that a task writes about its steps: they are read from a shared disk. */
const TASK_SECONDS = 2;

/** Returns the settings. Throws InputError for a value that is not one word in the script's `#SBATCH` lines. */
export function checkSlurm(settings: SlurmSettings): SlurmSettings {
  const { sbatch, ...named } = settings;
  for (const [key, value] of Object.entries(named)) {
    if (value === null || /^[\w.:,=+@%*()[\]/-]+$/.test(value)) continue;
    throw new InputError(`--${dashed(key)}: expected one word, as sbatch takes it, got ${quote(value)}`);
  }
  for (const value of sbatch) {
    if (/^--?[\w-]+(?:=[\w.:,=+@%*()[\]/&|-]+)?$/.test(value)) continue;
    throw new InputError(`--sbatch: expected an option of sbatch, as --account=me, got ${quote(value)}`);
  }
  return settings;
}

/** Settings from JSON. Throws InputError that names the field. */
export function readSlurm(json: unknown): SlurmSettings {
  const { sbatch, ...fields } = isRecord(json) ? json : {};
  const named = Object.fromEntries(
    Object.keys(NO_SLURM_SETTINGS).map((key) => [key, typeof fields[key] === "string" ? fields[key] : null]),
  );
  const more = Array.isArray(sbatch) ? sbatch.map(String) : [];
  return checkSlurm({ ...NO_SLURM_SETTINGS, ...named, sbatch: more });
}

/** Writes the script. It lists the runs in order, so a task finds its run by its index alone. */
export function slurmScript(input: ScriptInput): string {
  const { settings, jobName, directory, names, share, jobs, program, more } = input;
  const { sbatch, mem, ...named } = settings;
  const megabytes = Math.ceil((SPARE_MEMORY * input.bytes) / 1e8) * 100;
  const asked = Object.entries({ ...named, mem: mem ?? `${megabytes}M` }).flatMap(([key, value]) =>
    value === null ? [] : [`--${dashed(key)}=${value}`],
  );
  const options = [
    `--job-name=${jobName.replace(/[^\w.-]/g, "-")}`,
    `--array=0-${names.length - 1}${jobs === null ? "" : `%${jobs}`}`,
    "--nodes=1",
    "--ntasks=1",
    "--requeue",
    "--open-mode=append",
    "--output=/dev/null",
    ...asked,
    ...sbatch,
  ];
  const command = [...program, "sweep-task", directory].map(quoted).join(" ");
  const told = ["--share", String(share), "--every", String(TASK_SECONDS), "--json", ...more].map(quoted).join(" ");
  return `#!/bin/bash
${options.map((option) => `#SBATCH ${option}`).join("\n")}

# A task of the array is a run of the sweep. One that is preempted, or killed, and started again goes on from its
# checkpoint; a SIGTERM, as before the end of its time, lets it save.
runs=(
${names.map((name) => `  ${quoted(name)}`).join("\n")}
)
run=\${runs[$SLURM_ARRAY_TASK_ID]}
exec >>${quoted(`${directory}/logs/`)}"$run.log" 2>&1
export MICROGPT_CORES="\${SLURM_CPUS_PER_TASK:-1}"
exec ${command} "$run" ${told}
`;
}

const dashed = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Quotes any text as one word of a shell. */
const quoted = (text: string): string => (/^[\w./:=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
