/** The flags of `plan`, which tries trainings before one begins. */
import type { Command } from "commander";
import { TRAIN_OPTIONS } from "../options/config.ts";
import type { TrainOptions } from "../options/train-options.ts";
import {
  addOptions,
  autoFlag,
  jsonFlag,
  minutesFlag,
  pick,
  presetFlag,
  runsDirFlag,
  typedKeys,
  withMinutes,
} from "./flags.ts";
import type { CommonFlags, Exit } from "./flags.ts";

interface PlanCommandFlags extends CommonFlags {
  readonly findLearningRate?: boolean;
}

/** Adds `plan`. */
export function addPlanning(program: Command, exit: Exit): void {
  addOptions(program.command("plan [TEXT...]"), TRAIN_OPTIONS)
    .optionsGroup("Plan:")
    .description("find out what suits a text and this machine, before a training; writes no run")
    .option("--find-learning-rate", "suggest a learning rate, by a short training in which it grows")
    .addOption(presetFlag())
    .addOption(autoFlag())
    .addOption(minutesFlag())
    .addOption(runsDirFlag())
    .addOption(jsonFlag())
    .action(async (texts: string[], flags: PlanCommandFlags, self: Command) => {
      const picked = withMinutes(pick<TrainOptions>(TRAIN_OPTIONS, flags), flags);
      const options = { ...picked, data: [...texts, ...picked.data] };
      const minutes = flags.minutes === undefined ? [] : ["seconds"];
      const typed = new Set([...typedKeys(self, TRAIN_OPTIONS), ...minutes]);
      const request = { typed, preset: flags.preset ?? null, isAuto: flags.auto ?? false };
      const { findLearningRate = false, runsDir, json = false } = flags;
      const { plan } = await import("./plan.ts");
      exit(await plan(options, { findLearningRate, request, runsDir, json }));
    });
}
