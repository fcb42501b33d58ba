/** Bugs of the native backend, in the TypeScript that writes its C: what it computes looks well, and learns. */
import type { Bug } from "./bug.ts";

export const NATIVE_BUGS: readonly Bug[] = [
  {
    name: "native: attention of short documents without 1/√d",
    file: "src/backend/native/attention-short.ts",
    from: "exp2_of((load(scores + j * LANES) - max) * ${float(size ** -0.5 * Math.LOG2E)})",
    to: "exp2_of((load(scores + j * LANES) - max) * ${float(Math.LOG2E)})",
  },
  {
    name: "native: attention's gradient of short documents without what the softmax takes off",
    file: "src/backend/native/attention-short.ts",
    from: "(dPowers) - delta)",
    to: "(dPowers) - 0 * delta)",
  },
  {
    name: "native: the mask off by one: each query sees the next key",
    file: "src/backend/native/attention.ts",
    from: "choose(LANE < (int)(j + ${r} - first), splat(LOWEST)",
    to: "choose(LANE < (int)(j + ${r} - first - 1), splat(LOWEST)",
  },
  {
    name: "native: the gradient's mask off by one: a key does not learn from its own query",
    file: "src/backend/native/attention-grad.ts",
    from: "LANE > (int)(i + ${r} - first)",
    to: "LANE >= (int)(i + ${r} - first)",
  },
  {
    name: "native: texts read together: all caches are the first text's",
    file: "src/backend/native/instructions.ts",
    from: "at(view, `d * ${cacheRows}`)",
    to: "at(view, `0 * d * ${cacheRows}`)",
  },
  {
    name: "native: the last rows of a product are those of the first of its last tiles",
    file: "src/backend/native/products.ts",
    from: "    a += ${r} * aRow;\n    c += ${r} * cRow;\n    rows -= ${r};",
    to: "    c += ${r} * cRow;\n    rows -= ${r};",
  },
  {
    name: "native: a product of more than 512 columns keeps the sums of the last ones only",
    file: "src/backend/native/products.ts",
    from: "${k} - i), i > 0, rows, f)",
    to: "${k} - i), 0, rows, f)",
  },
  {
    name: "native: a weight learns from the last 256 tokens only",
    file: "src/backend/native/products.ts",
    from: "count, add || t > 0,",
    to: "count, add,",
  },
  {
    name: "native: the gate of a tile of rows is that of the tile before",
    file: "src/backend/native/products.ts",
    from: "if (f.gate != 0) f.gate += TILE * f.gateRow;",
    to: "",
  },
  {
    name: "native: the padding of the vocabulary takes part in the loss",
    file: "src/backend/native/rows.ts",
    from: "if (j + LANES > columns) power = (V)((I)power & (LANE < (int)(columns - j)));",
    to: "",
  },
  {
    name: "native: weights are not packed after the update, and the next step's forward products read the old ones",
    file: "src/backend/native/update.ts",
    from: "  ${statementOf(one, context)}`, ...packLines(weight, compiler)] };",
    to: "  ${statementOf(one, context)}`] };",
  },
  {
    name: "native: gradients are clipped to twice the norm",
    file: "src/backend/native/update.ts",
    from: ": call->clipNorm / norm);",
    to: ": 2 * call->clipNorm / norm);",
  },
  {
    name: "native: only the last pass of a step is learnt from",
    file: "src/backend/native/native.ts",
    from: "      accumulate = true;",
    to: "      accumulate = false;",
  },
  {
    name: "native: the last rows of a window are left out",
    file: "src/backend/native/threads.ts",
    from: "const long rows = (to - from + turns * workers - 1) / (turns * workers);",
    to: "const long rows = (to - from) / (turns * workers);\\n  to = from + turns * workers * rows;",
  },
  {
    name: "native: workers start on a section before the last one is done",
    file: "src/backend/native/threads.ts",
    from: "    wait_while(pool, &pool->generation, generation);\n",
    to: "    (void)generation;\n",
  },
];
