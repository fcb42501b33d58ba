/** A training in one call. With more to say than options, drive a `Trainer`. */
import type { Machine } from "./machine.ts";
import type { Model } from "./model.ts";
import { Trainer } from "./trainer.ts";
import type { TrainerOptions } from "./trainer-options.ts";

/**
 * Trains a model on texts to the end and resolves to the model with the best weights. Throws InputError as `Trainer`
 * does; rejects with the signal's reason if it aborts.
 */
export async function trainModel(texts: Iterable<string>, options: TrainerOptions, machine: Machine): Promise<Model> {
  const trainer = await Trainer.create(texts, options, machine);
  try {
    await trainer.run();
    return await trainer.model();
  } finally {
    trainer.close();
  }
}
