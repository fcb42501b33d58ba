/** What the sweep makes of a Slurm that does not answer, lags behind, or contradicts itself. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { InputError } from "../../src/errors.ts";
import type { Pace } from "../../src/sweep/patience.ts";
import type { PoolEvent, RunTask } from "../../src/sweep/pool.ts";
import { SlurmJobs } from "../../src/sweep/slurm-jobs.ts";
import { SlurmPool } from "../../src/sweep/slurm-pool.ts";
import { workspace } from "../setup/microgpt.ts";
import { standIn } from "../setup/slurm-stand-in.ts";
import type { Scenario, StandIn } from "../setup/slurm-stand-in.ts";
import { isInstalled, until } from "../setup/trainer.ts";

/** A sweep of two runs on a stand-in, followed to its end. */
interface Followed {
  readonly cluster: StandIn;
  readonly events: PoolEvent[];
  readonly sweep: string;
  readonly pool: SlurmPool;
  /** Resolves to what the pool threw; null: nothing. */
  readonly ended: Promise<unknown>;
}

const RUNS = ["a", "b"];
const QUICK: Pace = { firstPollMs: 5, maxPollMs: 20, patienceMs: 60_000, graceMs: 60_000 };

/** Shell lines that a task begins with, in the sweep's directory; `$run` is its run. */
const WAITS = 'while [ ! -e "$run.go" ]; do sleep 0.01; done';
const DIES_ONCE = '[ -e "$run.tried" ] || { touch "$run.tried"; kill -9 $$; }';

afterEach(() => vi.unstubAllEnvs());

/** Begins to follow. @param onEvent is called with each event. @param prepare fills the sweep's directory. */
function follow(
  scenario: Scenario,
  { begins = ":", done = 'touch "$run.done"', pace = {}, onEvent, prepare }: Partial<Setting> = {},
): Followed {
  const [sweep, cluster] = [workspace(), standIn(scenario)];
  prepare?.(sweep);
  for (const [name, value] of Object.entries(cluster.env)) vi.stubEnv(name, value);
  const events: PoolEvent[] = [];
  const script = (jobName: string, names: readonly string[]): string =>
    `#SBATCH --job-name=${jobName}\n#SBATCH --array=0-${names.length - 1}\nruns=(${names.join(" ")})\n` +
    `run=\${runs[$SLURM_ARRAY_TASK_ID]}\ncd ${sweep}\n${begins}\n${done}\n`;
  const pool = new SlurmPool(SlurmJobs.open(sweep), script, { ...QUICK, ...pace }, (event) => {
    events.push(event);
    onEvent?.(event, { cluster, sweep, pool });
  });
  const ended = pool.run(RUNS.map((name) => taskOf(sweep, name))).then(
    () => null,
    (error: unknown) => error,
  );
  return { cluster, events, sweep, pool, ended };
}

interface Setting {
  readonly begins: string;
  /** The lines that end a task's run. */
  readonly done: string;
  readonly pace: Partial<Pace>;
  readonly onEvent: (event: PoolEvent, followed: Pick<Followed, "cluster" | "sweep" | "pool">) => void;
  readonly prepare: (sweep: string) => void;
}

function taskOf(sweep: string, name: string): RunTask {
  const isDone = (): boolean => existsSync(join(sweep, `${name}.done`));
  return { name, args: [], logPath: join(sweep, `${name}.log`), bytes: 1, progress: () => "", isDone };
}

const go = (sweep: string): void => RUNS.forEach((run) => writeFileSync(join(sweep, `${run}.go`), ""));
const finished = (events: readonly PoolEvent[]): (string | null)[] =>
  events.flatMap(({ type, name }) => (type === "finished" ? [name] : [])).toSorted();
const messages = (events: readonly PoolEvent[]): string[] =>
  events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
const failures = (events: readonly PoolEvent[]): Record<string, string> =>
  Object.fromEntries(events.flatMap((event) => (event.type === "failed" ? [[event.name, event.failure.message]] : [])));

const AWAY = 'slurm: sbatch failed: "Unable to contact slurm controller (connect failure)"';

describe.skipIf(!isInstalled("bash"))("a cluster (skipped where bash is missing)", () => {
  test("a task whose second submission fails is submitted again until it is accepted", async () => {
    const { ended, events, cluster } = follow({ sbatch: ["ok", "away", "refused", "ok"] }, { begins: DIES_ONCE });
    expect(await ended).toBeNull();
    expect(finished(events)).toEqual(RUNS);
    expect(messages(events)[0]).toBe(`${AWAY}; trying again for 1m00s`);
    expect(cluster.calls("sbatch").length).toBeGreaterThanOrEqual(4);
  });

  test("where no submission is accepted any more, each run is named as failed, and the pool throws", async () => {
    const { ended, events } = follow({ sbatch: ["ok", "away"] }, { begins: DIES_ONCE, pace: { patienceMs: 200 } });
    expect(await ended).toEqual(new InputError(`${AWAY}; given up after 0s`, "machine"));
    expect(failures(events)).toEqual({ a: `it was not submitted (${AWAY})`, b: `it was not submitted (${AWAY})` });
    expect(messages(events)).toHaveLength(1);
  });

  test("a controller that is away at first is asked again; a mistake in the options is not", async () => {
    const away = follow({ sbatch: ["away", "away", "ok"] });
    expect([await away.ended, finished(away.events)]).toEqual([null, RUNS]);
    const refused = follow({ sbatch: ["refused"] });
    expect(await refused.ended).toMatchObject({ message: expect.stringContaining("Invalid partition") as string });
    expect([refused.events, refused.cluster.calls("sbatch").length]).toEqual([[], 1]);
  });

  test("a job that was accepted without an answer is found in the queue, not submitted twice", async () => {
    const { ended, events, cluster } = follow(
      { sbatch: ["lost"] },
      { begins: WAITS, onEvent: ({ type }, { sweep }) => type === "started" && go(sweep) },
    );
    expect([await ended, finished(events), cluster.calls("sbatch").length]).toEqual([null, RUNS, 1]);
  });

  test("a line above sbatch's id is not the id", async () => {
    const { ended, events, cluster } = follow({ sbatch: ["greeting"] });
    expect([await ended, finished(events), cluster.calls("sbatch").length]).toEqual([null, RUNS, 1]);
  });

  test("a job whose id the disk cannot take is followed all the same; one that it cannot take is not submitted", async () => {
    const accepted = follow({ sbatch: ["full"] });
    expect([await accepted.ended, finished(accepted.events)]).toEqual([null, RUNS]);
    const prepare = (sweep: string): void => writeFileSync(join(sweep, "slurm"), "in the way");
    const refused = follow({}, { prepare });
    expect(await refused.ended).toMatchObject({ message: expect.stringMatching(/^cannot write \S+slurm/) as string });
    expect([refused.events, refused.cluster.calls("sbatch")]).toEqual([[], []]);
  });

  test("a queue that lags is not believed while the controller says that the task runs", async () => {
    const begun = follow(
      { squeue: ["empty", "empty", "empty", "ok"], sacct: ["RUNNING"] },
      { begins: WAITS, onEvent: ({ type }, { sweep }) => type === "started" && go(sweep) },
    );
    expect([await begun.ended, finished(begun.events), begun.cluster.calls("sbatch").length]).toEqual([null, RUNS, 1]);
    expect(begun.cluster.calls("scontrol").length).toBeGreaterThanOrEqual(6);
  });

  test("a queue that lags while nobody knows the task yet: its runs are given time", async () => {
    const { ended, cluster, events, sweep } = follow({ squeue: ["empty"], scontrol: ["forgotten"] }, { begins: WAITS });
    await until("Slurm was asked twice for each task", () => cluster.calls("scontrol").length >= 4);
    go(sweep);
    expect([await ended, finished(events), cluster.calls("sbatch").length]).toEqual([null, RUNS, 1]);
  });

  test("the accounting says RUNNING for ever of a task that is gone: after a time it is submitted again", async () => {
    const { ended, events, cluster } = follow(
      { sacct: ["RUNNING"], scontrol: ["forgotten"] },
      { begins: DIES_ONCE, pace: { graceMs: 50 } },
    );
    expect([await ended, finished(events)]).toEqual([null, RUNS]);
    expect(cluster.calls("sbatch").length).toBeGreaterThanOrEqual(2);
  });

  test("a task has completed, but the disk does not show its results yet: it is waited for", async () => {
    const { ended, events, cluster, sweep } = follow({}, { done: ":" });
    await until("Slurm has said that both are completed", () => cluster.calls("scontrol").length >= 4);
    for (const run of RUNS) writeFileSync(join(sweep, `${run}.done`), "");
    expect([await ended, finished(events), cluster.calls("sbatch").length]).toEqual([null, RUNS, 1]);
  });

  test("an array that is cancelled from outside has failed, and is not submitted again", async () => {
    const { ended, events, cluster } = follow({ sacct: ["CANCELLED by 0"] }, { begins: "kill -9 $$" });
    expect([await ended, cluster.calls("sbatch").length]).toEqual([null, 1]);
    expect(failures(events)).toEqual({ a: "cancelled (scancel)", b: "cancelled (scancel)" });
  });

  test("why a task ended cannot be asked for a while: it is neither dropped nor repeated before", async () => {
    const { ended, events, cluster } = follow(
      { scontrol: ["away", "away", "ok"], sacct: ["away"] },
      { begins: 'echo "microgpt: no such data" >> "$run.log"; exit 2', pace: { graceMs: 0 } },
    );
    expect([await ended, cluster.calls("sbatch").length]).toEqual([null, 1]);
    expect(failures(events)).toEqual({ a: "no such data", b: "no such data" });
  });

  test("a queue that is never seen again: each run is named, with the task that it may still be", async () => {
    const { ended, events } = follow({ squeue: ["away"] }, { begins: "exit 0", done: ":", pace: { patienceMs: 100 } });
    expect(await ended).toMatchObject({ code: "machine" });
    const reason = 'slurm: squeue failed: "Unable to contact slurm controller (connect failure)"';
    expect(failures(events)).toEqual({
      a: `it may still run, as task 1_0 (${reason})`,
      b: `it may still run, as task 1_1 (${reason})`,
    });
  });

  test("an id that Slurm uses again, for a job of another name, is not taken for the sweep's own", async () => {
    const old = JSON.stringify([{ name: "microgpt-1-old", id: "1", runs: RUNS }]);
    const { ended, events, cluster } = follow(
      { squeue: ["strange"], scontrol: ["forgotten"] },
      {
        begins: WAITS,
        prepare: (sweep) => {
          mkdirSync(join(sweep, "slurm"));
          writeFileSync(join(sweep, "slurm", "jobs.json"), old);
        },
        onEvent: ({ type }, { pool }) => type === "started" && pool.stop(),
      },
    );
    // The stand-in's first job has the id 1, too; the sweep follows it by its name.
    expect([await ended, events[0]]).toEqual([null, { type: "started", name: "a" }]);
    expect(JSON.parse(readFileSync(join(cluster.directory, "job-1"), "utf8"))).toMatchObject({ tasks: RUNS.length });
  });

  test("a user's defaults for squeue hide no task", async () => {
    vi.stubEnv("SQUEUE_STATES", "PENDING");
    const { ended, events, cluster } = follow(
      { scontrol: ["forgotten"] },
      { begins: WAITS, pace: { graceMs: 0 }, onEvent: ({ type }, { sweep }) => type === "started" && go(sweep) },
    );
    expect([await ended, finished(events), cluster.calls("sbatch").length]).toEqual([null, RUNS, 1]);
  });

  test("Ctrl-C while the controller is away ends the sweep, and names the tasks that may still run", async () => {
    const { ended, events } = follow(
      { scancel: ["away"] },
      { begins: WAITS, onEvent: ({ type }, { pool }) => type === "started" && pool.stop() },
    );
    expect(await ended).toBeNull();
    expect(messages(events)).toEqual([
      expect.stringMatching(/scancel failed: .*; these tasks may still run: 1_0 1_1; --resume follows them, scancel/),
    ]);
  });

  test("Ctrl-C while a submission is tried again does not wait for it", async () => {
    const { ended, events, cluster } = follow(
      { sbatch: ["away"] },
      { onEvent: ({ type }, { pool }) => type === "warning" && pool.stop(), pace: { firstPollMs: 60_000 } },
    );
    expect([await ended, finished(events), cluster.calls("scancel")]).toEqual([null, [], []]);
  });
});
