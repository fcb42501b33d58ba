/**
 * The scripts for `sbatch`: a sweep as a job array (https://slurm.schedmd.com/job_array.html), and one training in several
 * ranks. Pure: data in, text out; `sweep/slurm.ts` runs Slurm's commands.
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

/** No options: the script requests only memory, by the formula of `--dry-run`. */
export const NO_SLURM_SETTINGS: SlurmSettings = {
  time: null,
  mem: null,
  gres: null,
  partition: null,
  cpusPerTask: null,
  sbatch: [],
};

/** Everything that determines a script. */
export interface ScriptInput {
  /** Options of sbatch. */
  readonly settings: SlurmSettings;
  /** The job's name, as the queue shows it. */
  readonly jobName: string;
  /** The sweep's directory, absolute. */
  readonly directory: string;
  /** Runs, in the order of the array's indices. */
  readonly names: readonly string[];
  /** Fraction of all steps to train. */
  readonly share: number;
  /** Tasks at once; null: as many as the cluster allows. */
  readonly jobs: number | null;
  /** Memory of the largest run in bytes, by the formula; requested if `--mem` is not given. */
  readonly bytes: number;
  /** The command: Node, its arguments, and the path of cli.js. */
  readonly program: readonly string[];
  /** Further arguments of each task. */
  readonly more: readonly string[];
}

/** Factor on the formula's memory, for libraries and uncollected garbage. */
const SPARE_MEMORY = 1.25;
/** Tasks per array: Slurm's default for MaxArraySize is 1,001. */
export const MAX_ARRAY = 1000;
/** Seconds between the step events in a task's log, which the sweep reads from a shared disk. */
const TASK_SECONDS = 2;

/** Options of sbatch without which the sweep would not find its tasks, or would wait for them in sbatch. */
const OWN_OPTIONS = /^(?:--(?:array|job-name|clusters?|wait|wrap|test-only)(?:=|$)|-[aJMW])/;

/**
 * Returns the settings. Throws InputError for a value that would not be a single word in an `#SBATCH` line, or for an
 * option that the sweep sets itself.
 */
export function checkSlurm(settings: SlurmSettings): SlurmSettings {
  const { sbatch, ...named } = settings;
  for (const [key, value] of Object.entries(named)) {
    if (value === null || /^[\w.:,=+@%*()[\]/-]+$/.test(value)) continue;
    throw new InputError(`--${dashed(key)}: expected one word, as sbatch takes it, got ${quote(value)}`);
  }
  for (const value of sbatch) {
    if (OWN_OPTIONS.test(value)) throw new InputError(`--sbatch: ${quote(value)} is up to the sweep; drop it`);
    if (/^--?[\w-]+(?:=[\w.:,=+@%*()[\]/&|-]+)?$/.test(value)) continue;
    throw new InputError(`--sbatch: expected an option of sbatch, such as --account=me, got ${quote(value)}`);
  }
  return settings;
}

/** Reads settings from JSON. Throws InputError that names the field. */
export function readSlurm(json: unknown): SlurmSettings {
  const { sbatch, ...fields } = isRecord(json) ? json : {};
  const named = Object.fromEntries(
    Object.keys(NO_SLURM_SETTINGS).map((key) => [key, typeof fields[key] === "string" ? fields[key] : null]),
  );
  const more = Array.isArray(sbatch) ? sbatch.map(String) : [];
  return checkSlurm({ ...NO_SLURM_SETTINGS, ...named, sbatch: more });
}

/** Writes the script of a sweep. It lists the runs in order, so a task finds its run by its index alone. */
export function slurmScript(input: ScriptInput): string {
  const { settings, jobName, directory, names, share, jobs, program, more } = input;
  const megabytes = Math.ceil((SPARE_MEMORY * input.bytes) / 1e8) * 100;
  const array = `0-${names.length - 1}${jobs === null ? "" : `%${jobs}`}`;
  const header = headerOf(jobName, array, ["--nodes=1", "--ntasks=1"], {
    ...settings,
    mem: settings.mem ?? `${megabytes}M`,
  });
  const command = [...program, "sweep-task", directory].map(quoted).join(" ");
  const flags = ["--share", String(share), "--every", String(TASK_SECONDS), "--json", ...more].map(quoted).join(" ");
  return `${header}
# Each task of the array is one run of the sweep. On SIGTERM, which Slurm also sends at the time limit, it saves; a task
# that was preempted or killed resumes from its checkpoint when it is started again.
runs=(
${names.map((name) => `  ${quoted(name)}`).join("\n")}
)
run=\${runs[$SLURM_ARRAY_TASK_ID]}
exec >>${quoted(`${directory}/logs/`)}"$run.log" 2>&1
export MICROGPT_CORES="\${SLURM_CPUS_PER_TASK:-1}"
exec ${command} "$run" ${flags}
`;
}

/** What one training in several ranks asks for, beside `SlurmSettings`. */
export interface RankSettings {
  /** Machines, `--nodes`. */
  readonly nodes: string;
  /** Ranks on each, `--ntasks-per-node`. */
  readonly ntasksPerNode: string;
  /** How ranks find each other, `--mpi` of srun. */
  readonly mpi: string;
}

/** Everything that determines the script of a training. */
export interface TrainingScriptInput {
  /** Options of sbatch. */
  readonly settings: SlurmSettings;
  /** The ranks. */
  readonly ranks: RankSettings;
  /** The job's name, as the queue shows it. */
  readonly jobName: string;
  /** The log, absolute. */
  readonly logPath: string;
  /** The run's directory, absolute. */
  readonly run: string;
  /** The command: Node, its arguments, and the path of cli.js. */
  readonly program: readonly string[];
  /** The arguments that begin the run. */
  readonly train: readonly string[];
  /** Arguments of the command that resumes it, beside the run. */
  readonly resume: readonly string[];
}

/** Writes the script of a training. It begins the run, or resumes it: after preemption, and after the time limit. */
export function trainingScript({
  settings,
  ranks,
  jobName,
  logPath,
  run,
  program,
  train,
  resume,
}: TrainingScriptInput): string {
  const { mpi, ...numbers } = checkRanks(ranks);
  const header = headerOf(jobName, "0-0", optionsOf(numbers), settings);
  const words = (list: readonly string[]): string => list.map(quoted).join(" ");
  return `${header}
# On SIGTERM, which Slurm also sends at the time limit, all ranks stop after the same step, and the first saves.
exec >>${quoted(logPath)} 2>&1
export MICROGPT_CORES="\${SLURM_CPUS_PER_TASK:-1}" SRUN_CPUS_PER_TASK="\${SLURM_CPUS_PER_TASK:-1}"
command=(${words(train)})
[ -d ${quoted(run)} ] && command=(${words(["resume", run, "--take-over", ...resume])})
exec srun --mpi=${mpi} ${words(program)} "\${command[@]}"
`;
}

function checkRanks(ranks: RankSettings): RankSettings {
  for (const key of ["nodes", "ntasksPerNode"] as const) {
    if (/^[1-9]\d{0,5}$/.test(ranks[key])) continue;
    throw new InputError(`--${dashed(key)}: expected a whole number from 1 on, got ${quote(ranks[key])}`);
  }
  if (/^\w+$/.test(ranks.mpi)) return ranks;
  throw new InputError(`--mpi: expected a type that srun knows (srun --mpi=list), got ${quote(ranks.mpi)}`);
}

/** The head of a script, up to an empty line. */
function headerOf(jobName: string, array: string, own: readonly string[], settings: SlurmSettings): string {
  const { sbatch, mem, ...named } = settings;
  const options = [
    `--job-name=${jobName.replace(/[^\w.-]/g, "-")}`,
    `--array=${array}`,
    ...own,
    "--requeue",
    "--open-mode=append",
    "--output=/dev/null",
    ...optionsOf({ ...named, mem }),
    ...sbatch,
  ];
  return `#!/bin/bash\n${options.map((option) => `#SBATCH ${option}`).join("\n")}\n`;
}

const optionsOf = (settings: Readonly<Record<string, string | null>>): string[] =>
  Object.entries(settings).flatMap(([key, value]) => (value === null ? [] : [`--${dashed(key)}=${value}`]));

const dashed = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Quotes any text as a single shell word. */
const quoted = (text: string): string => (/^[\w./:=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
