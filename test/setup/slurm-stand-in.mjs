/**
 * Plays sbatch, squeue, sacct, scontrol and scancel: `node slurm-stand-in.mjs COMMAND ARGUMENT…`, with a directory in
 * SLURM_STAND_IN. Jobs run at once, as processes of this machine. `scenario.json` in the directory says how each call of a
 * command is answered, by its number; the last answer is also that of all later calls.
 *
 *   any      ok         as Slurm would                    away     the controller does not answer
 *   sbatch   lost       accepts the job, but the answer   refused  a mistake in the script
 *                       does not arrive                   greeting prints a line above the id
 *            full       accepts the job, then the disk cannot take its record
 *   squeue   empty      it lags: exit code 0, no task     strange  lists a job of this id, of another name
 *   sacct    off        there is no accounting            …        any other word: the task has this state
 *   scontrol forgotten  the job is no longer known        …        any other word: the task has this state
 */
import { spawn } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

const DIRECTORY = process.env.SLURM_STAND_IN;
const [command, ...args] = process.argv.slice(2);
const path = (name) => join(DIRECTORY, name);
const read = (name) => readFileSync(path(name), "utf8");

/** Prints an error as Slurm does, and exits. */
function refuse(message) {
  process.stderr.write(`${command}: error: ${message}\n`);
  process.exit(1);
}

/** How this call is answered; it counts in `calls-COMMAND`, a line each. */
function answerOf() {
  appendFileSync(path(`calls-${command}`), `${args.join(" ")}\n`);
  const number = read(`calls-${command}`).split("\n").length - 2;
  const answers = JSON.parse(read("scenario.json"))[command] ?? ["ok"];
  return answers[Math.min(number, answers.length - 1)];
}

/** Runs each task of a script's array; the id of its process is in `pid-TASK`, and at its end its exit code in `end-TASK`. */
function accept(script) {
  const text = readFileSync(script, "utf8");
  const [, last] = /--array=0-(\d+)/.exec(text);
  const [, name] = /--job-name=(\S+)/.exec(text);
  const job = readdirSync(DIRECTORY).filter((file) => file.startsWith("job-")).length + 1;
  writeFileSync(path(`job-${job}`), JSON.stringify({ name, tasks: Number(last) + 1 }));
  for (let task = 0; task <= Number(last); task++) {
    const file = path(`${job}_${task}`);
    const run = `bash ${script} & echo $! > ${file}.pid; wait $!; echo $? > ${file}.end`;
    const env = { ...process.env, SLURM_ARRAY_TASK_ID: String(task) };
    spawn("bash", ["-c", run], { env, detached: true, stdio: "ignore" }).unref();
  }
  return job;
}

/** All tasks of all jobs: their ids and exit codes; null while they run. */
function tasks() {
  const jobs = readdirSync(DIRECTORY).flatMap((file) => (file.startsWith("job-") ? [file.slice(4)] : []));
  return jobs.flatMap((job) => {
    const { name, tasks: count } = JSON.parse(read(`job-${job}`));
    return Array.from({ length: count }, (_, index) => {
      const task = `${job}_${index}`;
      const hasEnded = existsSync(path(`${task}.end`)) && statSync(path(`${task}.end`)).size > 0;
      return { name, task, code: hasEnded ? Number(read(`${task}.end`)) : null };
    });
  });
}

function stateOf(code) {
  if (code === null) return "JobState=RUNNING ExitCode=0:0";
  if (code === 0) return "JobState=COMPLETED ExitCode=0:0";
  return code > 128 ? `JobState=FAILED ExitCode=0:${code - 128}` : `JobState=FAILED ExitCode=${code}:0`;
}

function kill(task) {
  if (!existsSync(path(`${task}.pid`))) return;
  try {
    process.kill(Number(read(`${task}.pid`)), "SIGTERM");
  } catch {
    // it has just ended
  }
}

const answer = answerOf();
if (answer === "away") refuse("Unable to contact slurm controller (connect failure)");
if (command === "sbatch") {
  if (answer === "refused") refuse("Batch job submission failed: Invalid partition name specified");
  const job = accept(args.at(-1));
  const record = join(dirname(args.at(-1)), "jobs.json");
  if (answer === "full") {
    rmSync(record);
    mkdirSync(record);
  }
  if (answer === "lost") refuse("Batch job submission failed: Socket timed out on send/recv operation");
  process.stdout.write(`${answer === "greeting" ? "Welcome to the cluster!\n" : ""}${job}\n`);
} else if (command === "squeue") {
  const isHidden = answer === "empty" || process.env.SQUEUE_STATES !== undefined; // which may leave out those that run
  const listed = isHidden ? [] : tasks().filter(({ code }) => code === null);
  const lines = listed.map(({ name, task }) => `${task}|RUNNING|${name}\n`);
  if (answer === "strange") lines.push("1_0|RUNNING|of-someone-else\n");
  process.stdout.write(lines.join(""));
} else if (command === "sacct") {
  if (answer === "ok" || answer === "off") refuse("Slurm accounting storage is disabled");
  process.stdout.write(`${answer}|0:0\n`);
} else if (command === "scontrol") {
  const found = tasks().find(({ task }) => task === args.at(-1));
  if (found === undefined || answer === "forgotten") refuse("Invalid job id specified");
  process.stdout.write(`JobId=1 ${answer === "ok" ? stateOf(found.code) : `JobState=${answer} ExitCode=0:0`}\n`);
} else if (command === "scancel") {
  const running = tasks().filter(({ task, code }) => code === null && args.includes(task.split("_")[0]));
  for (const { task } of running) kill(task);
}
