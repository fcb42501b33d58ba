/** The ten chapters in order. */
import { adam } from "./adam.ts";
import { attention } from "./attention.ts";
import { autograd } from "./autograd.ts";
import type { Chapter } from "./chapter.ts";
import { counting } from "./counting.ts";
import { descent } from "./descent.ts";
import { embeddings } from "./embeddings.ts";
import { loss } from "./loss.ts";
import { mlp } from "./mlp.ts";
import { sampling } from "./sampling.ts";
import { tokens } from "./tokens.ts";

/** From a name to a model that writes names. */
export const CHAPTERS: readonly Chapter[] = [
  tokens,
  counting,
  loss,
  autograd,
  descent,
  embeddings,
  attention,
  mlp,
  adam,
  sampling,
];
