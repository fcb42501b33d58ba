/** Bugs of one training in several ranks: each rank seems to learn, and the loss falls. */
import type { Bug } from "./bug.ts";

const SUMS = ["training/ranks"];

export const RANK_BUGS: readonly Bug[] = [
  {
    name: "ranks: every rank computes the first share",
    file: "src/training/ranks.ts",
    from: "divide(tokens, size).slice(rank);",
    to: "divide(tokens, size).slice(0 * rank);",
    tests: SUMS,
  },
  {
    name: "ranks: gradients are divided by the tokens of the rank, not by all",
    file: "src/training/ranks.ts",
    from: "tokens: sum(tokens) };",
    to: "tokens: sum(tokens.slice(from, to)) };",
    tests: SUMS,
  },
  {
    name: "ranks: dropout counts each rank's tokens from 0",
    file: "src/training/ranks.ts",
    from: "before: sum(tokens.slice(0, from)),",
    to: "before: 0,",
    tests: SUMS,
  },
  {
    name: "ranks: each stops when it is asked itself",
    file: "src/training/ranks.ts",
    from: "this.#agreed ??= list.subarray(numbers.length).find((code) => code !== 0) ?? null;",
    to: "this.#agreed ??= this.wish;",
    tests: SUMS,
  },
  {
    name: "ranks: of the last weight, one gradient is summed",
    file: "src/tensor/buckets.ts",
    from: "(starts[i + 1]?.at ?? last) - first",
    to: "(starts[i + 1]?.at ?? Math.min(at + 1, last)) - first",
    tests: SUMS,
  },
  {
    name: "ranks: sums begin in the first pass of a step, not in the last",
    file: "src/tensor/stepping.ts",
    from: "const isLast = ++done === share?.passes;",
    to: "const isLast = ++done === 1 && share !== null;",
    tests: SUMS,
  },
  {
    name: "ranks: one without a document adds its gradients of the step before",
    file: "src/tensor/stepping.ts",
    from: "      session.gradients.fill(0); // they are still those of the last step\n",
    to: "",
    tests: SUMS,
  },
  {
    name: "ranks: an evaluation measures one rank's share",
    file: "src/tensor/tensor-engine.ts",
    from: "if (this.#ranks !== null) [lossSum] = await this.#ranks.sum([lossSum]);",
    to: "if (this.#ranks !== null) await this.#ranks.sum([lossSum]);",
    tests: SUMS,
  },
  {
    name: "ranks: they resume from different checkpoints",
    file: "src/run/agreement.ts",
    from: "JSON.stringify(progress)",
    to: "JSON.stringify(progress.best)",
    tests: ["run/agreement"],
  },
  {
    name: "ranks: MPI sums half of each bucket",
    file: "src/node/mpi.ts",
    from: "this.#addressOf(list), list.length);",
    to: "this.#addressOf(list), list.length >> 1);",
    tests: ["reliability/mpi"],
  },
];
