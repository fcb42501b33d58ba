/** The flags of `plan`, which tries trainings before one begins. */
import type { Command } from "commander";
import { TRAIN_OPTIONS } from "../options/config.ts";
import { addOptions, autoFlag, givenOptions, jsonFlag, minutesFlag, presetFlag, runsDirFlag } from "./flags.ts";
import type { CommonFlags, Exit } from "./flags.ts";

interface PlanCommandFlags extends CommonFlags {
  readonly findLearningRate?: boolean;
}

/** Adds `plan`. */
export function addPlanning(program: Command, exit: Exit): void {
  addOptions(program.command("plan [TEXT...]"), TRAIN_OPTIONS)
    .optionsGroup("Plan:")
    .description(
      "print which sizes suit a text in ten seconds to an hour on this machine, and what to expect; trains and writes no run",
    )
    .option("--find-learning-rate", "suggest a learning rate instead, by a short training in which it grows")
    .addOption(presetFlag())
    .addOption(autoFlag())
    .addOption(minutesFlag())
    .addOption(runsDirFlag())
    .addOption(jsonFlag())
    .action(async (texts: string[], flags: PlanCommandFlags, self: Command) => {
      const { options, typed } = givenOptions(self, texts, flags);
      const request = { typed, preset: flags.preset ?? null, isAuto: flags.auto ?? false };
      const { findLearningRate = false, runsDir, json = false } = flags;
      const { plan } = await import("./plan.ts");
      exit(await plan(options, { request, runsDir, json }, findLearningRate));
    });
}
