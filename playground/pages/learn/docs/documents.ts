/** The documents of the project that the site has, each loaded when it is first read. */

/** A document, made when the site is built. */
export interface BuiltDocument {
  readonly title: string;
  /** Trusted: made from the project's own files. */
  readonly html: string;
  readonly sections: readonly { readonly id: string; readonly title: string }[];
}

/** A document in the list. */
export interface DocumentEntry {
  /** Its address: `#/learn/docs/NAME`. */
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly load: () => Promise<{ readonly default: BuiltDocument }>;
}

/** All of them, in the order of reading. */
export const DOCUMENTS: readonly DocumentEntry[] = [
  {
    name: "readme",
    title: "microgpt",
    summary: "What it is, and the first commands.",
    load: () => import("../../../../README.md?document"),
  },
  {
    name: "usage",
    title: "Using microgpt",
    summary: "Your text, tokenizers, sizes, writing, and every option.",
    load: () => import("../../../../docs/usage.md?document"),
  },
  {
    name: "experiments",
    title: "Experiments",
    summary: "Sweeps of many models, and how to read their results.",
    load: () => import("../../../../docs/experiments.md?document"),
  },
  {
    name: "library",
    title: "The library",
    summary: "train, load, Trainer: the same in Node, a page and a worker.",
    load: () => import("../../../../docs/library.md?document"),
  },
  {
    name: "engines",
    title: "Engines",
    summary: "WebAssembly, threads, native code, GPUs, and when numbers are equal to the last bit.",
    load: () => import("../../../../docs/engines.md?document"),
  },
  {
    name: "serving",
    title: "Serving a model",
    summary: "OpenAI's completions API with the models of runs.",
    load: () => import("../../../../docs/serving.md?document"),
  },
  {
    name: "run-directory",
    title: "The run directory",
    summary: "The files of a training, and what they promise.",
    load: () => import("../../../../docs/run-directory.md?document"),
  },
  {
    name: "testing",
    title: "How it is tested",
    summary: "Fidelity, reliability, hostile input, and tests of the tests.",
    load: () => import("../../../../docs/testing.md?document"),
  },
  {
    name: "architecture",
    title: "Architecture",
    summary: "The folders of the source, and one training step through them.",
    load: () => import("../../../../ARCHITECTURE.md?document"),
  },
  {
    name: "api",
    title: "API",
    summary: "Every export of the library.",
    load: () => import("../../../../docs/api.md?document"),
  },
];
