/**
 * Keeps the present training in the browser's own storage, so that a reload continues it: when it pauses or ends, and every
 * 20 s while it plays. A save that fails leaves the one before, and says why.
 */
import type { RunClient } from "../run/client.ts";
import type { LoadedRun } from "./run-store.ts";
import { RunStore } from "./run-store.ts";
import type { Stored } from "./stored.ts";

const SAVE_INTERVAL_MS = 20_000;
/** One run is kept: the last. */
const ID = "last";

/** Opens the storage. */
export type OpenStore = () => Promise<Stored<RunStore>>;

/** Saves a run as it changes. */
export class RunKeeper {
  /** Why the last save failed, for the visitor; null: it did not. */
  problem: string | null = null;
  /** The step of the last save; null: none yet. */
  savedStep: number | null = null;
  readonly #run: RunClient;
  readonly #store: Promise<RunStore | null>;
  readonly #onChange: () => void;
  #savedMs = 0;
  #isSaving = false;

  /** @param onChange called when `problem` or `savedStep` changes. @param open opens the storage; a test gives another. */
  constructor(run: RunClient, onChange: () => void, open: OpenStore = () => RunStore.open()) {
    this.#run = run;
    this.#onChange = onChange;
    this.#store = this.#openStore(open);
    run.addEventListener("open", () => this.#begin());
    run.addEventListener("change", () => void this.#changed());
  }

  /** The run of an earlier visit; null: there is none, or it cannot be read. */
  async loadLast(): Promise<LoadedRun | null> {
    const last = await (await this.#store)?.loadLast();
    return last?.ok === true ? last.value : null;
  }

  /** Forgets the run of an earlier visit. */
  async forget(): Promise<void> {
    await (await this.#store)?.delete(ID);
  }

  async #openStore(open: OpenStore): Promise<RunStore | null> {
    const opened = await open();
    if (opened.ok) return opened.value;
    this.#report(opened.message);
    return null;
  }

  #begin(): void {
    this.savedStep = null;
    this.#savedMs = performance.now();
  }

  async #changed(): Promise<void> {
    const { state, step } = this.#run;
    const isResting = state === "paused" || state === "done";
    const isDue = isResting || (state === "playing" && performance.now() - this.#savedMs > SAVE_INTERVAL_MS);
    if (!isDue || this.#isSaving || step === this.savedStep) return;
    this.#isSaving = true;
    try {
      await this.#save();
    } catch {
      // The worker has ended, which the run itself reports.
    } finally {
      this.#isSaving = false;
    }
  }

  async #save(): Promise<void> {
    const store = await this.#store;
    if (store === null) return;
    const { step, header } = this.#run;
    const numSteps = header?.options.numSteps ?? step;
    const files = await this.#run.files();
    const title = `${step} steps`;
    const saved = await store.save({ id: ID, title, step, numSteps }, files);
    this.#savedMs = performance.now();
    this.savedStep = step;
    this.#report(saved.ok ? null : saved.message);
  }

  #report(problem: string | null): void {
    this.problem = problem;
    this.#onChange();
  }
}
