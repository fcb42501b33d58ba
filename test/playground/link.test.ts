import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  differences,
  LINK_OPTIONS,
  linkedOptions,
  MAX_TEXT_BYTES,
  readLink,
  writeLink,
} from "../../playground/shell/link.ts";
import type { Link, LinkOptions } from "../../playground/shell/link.ts";
import { addressOf } from "../../playground/shell/routes.ts";
import { createTrainer, InputError, TRAIN_OPTIONS } from "../../src/index.ts";
import type { ModelOptions } from "../../src/index.ts";

const PRESETS = {
  names: {},
  book: { tokenizer: "bpe", stream: true, nEmbd: 64, nHead: 4, clipNorm: 1 },
} as const satisfies Record<string, ModelOptions>;

const EMPTY: Link = { preset: null, options: {}, seed: 42, view: {}, text: null };

/** Through a whole address, as in a browser. */
const roundTrip = (link: Link): ReturnType<typeof readLink> => {
  const { hash } = new URL(`https://example.org/playground/#/play?${writeLink(link).toString()}`);
  return readLink(addressOf(hash).parameters, PRESETS);
};

/** Any values that the option table takes, and that agree with each other. */
const options: fc.Arbitrary<LinkOptions> = fc
  .record(
    {
      tokenizer: fc.constantFrom("char", "word", "bpe", "byte-bpe"),
      bpeMerges: fc.nat(1_000_000),
      vocabSize: fc.option(fc.integer({ min: 1, max: 4_000_000 })),
      unk: fc.boolean(),
      documents: fc.constantFrom("line", "paragraph", "file"),
      stream: fc.boolean(),
      nfc: fc.boolean(),
      minLength: fc.option(fc.integer({ min: 1, max: 1e9 })),
      maxLength: fc.option(fc.integer({ min: 1, max: 1e9 })),
      keepDuplicates: fc.boolean(),
      valFraction: fc.double({ min: 0, max: 0.9, noNaN: true }),
      nEmbd: fc.integer({ min: 1, max: 16_384 }).map((width) => 4 * width),
      nHead: fc.constantFrom(1, 2, 4),
      nLayer: fc.integer({ min: 1, max: 1000 }),
      blockSize: fc.integer({ min: 1, max: 65_536 }),
      numSteps: fc.integer({ min: 1000, max: 1e9 }),
      tokens: fc.option(fc.integer({ min: 1, max: 1e15 })),
      batchSize: fc.option(fc.integer({ min: 1, max: 65_536 })),
      accumulate: fc.integer({ min: 1, max: 128 }),
      learningRate: fc.double({ min: 0, max: 1, noNaN: true }),
      warmupSteps: fc.nat(999),
      schedule: fc.constantFrom("linear", "cosine", "constant"),
      weightDecay: fc.double({ min: 0, max: 1, noNaN: true }),
      dropout: fc.double({ min: 0, max: 0.9, noNaN: true }),
      clipNorm: fc.option(fc.double({ min: 1e-6, max: 1e9, noNaN: true })),
      evalInterval: fc.option(fc.integer({ min: 1, max: 1e9 })),
      earlyStop: fc.option(fc.integer({ min: 1, max: 1e9 })),
      evalDocuments: fc.integer({ min: 1, max: 1e9 }),
    },
    { requiredKeys: [], noNullPrototype: true },
  )
  .filter(({ valFraction, earlyStop = null }) => valFraction !== 0 || earlyStop === null); // nothing held out

const view = fc.dictionary(fc.stringMatching(/^[a-z][a-zA-Z]{0,19}$/), fc.string({ unit: "grapheme", maxLength: 40 }), {
  maxKeys: 5,
  noNullPrototype: true,
});

const link: fc.Arbitrary<Link> = fc.record(
  {
    preset: fc.constantFrom(null, "names", "book"),
    options,
    seed: fc.nat(Number.MAX_SAFE_INTEGER),
    view,
    text: fc.option(fc.string({ unit: "grapheme", maxLength: 200 })),
  },
  { noNullPrototype: true },
);

describe("a link", () => {
  test("reads back as it was written, whatever is in it", () => {
    fc.assert(
      fc.property(link, (written) => {
        expect(roundTrip(written)).toEqual({ link: written, ignored: [] });
      }),
    );
  });

  test("holds every option that makes another model, and none that says how a machine computes", () => {
    const command = [
      "data",
      "encoding",
      "urls",
      "urlFile",
      "field",
      "noCache",
      "cacheDir",
      "ignoreRobots",
      "allowHost",
    ];
    const afterwards = ["numSamples", "temperature", "saveInterval", "keep", "keepC", "log"];
    const machine = ["engine", "precision", "noGpu", "threads", "strictMath", "seconds", "reference"];
    const all = [...LINK_OPTIONS, "seed", ...command, ...afterwards, ...machine];
    expect(all.toSorted()).toEqual(Object.keys(TRAIN_OPTIONS).toSorted());
  });

  test("trains in strict arithmetic, with its own options before the preset's", () => {
    const opened = linkedOptions({ ...EMPTY, preset: "book", options: { nEmbd: 32 }, seed: 7 }, PRESETS);
    expect(opened).toEqual({ ...PRESETS.book, nEmbd: 32, seed: 7, strictMath: true });
  });

  test("trains the same model to the same digits as the training that it was made from", async () => {
    const settings = { nEmbd: 8, nHead: 2, numSteps: 5, batchSize: 4, seed: 7, learningRate: 0.0123 };
    const { link: read } = roundTrip({ ...EMPTY, options: differences(settings, null, PRESETS), seed: settings.seed });
    const losses = async (chosen: ModelOptions): Promise<number[]> => {
      const all: number[] = [];
      const texts = ["ada\ngrace\nalan\nedsger\nbarbara\ndonald\nfrances\njohn\nkathleen\ntony"];
      const trainer = await createTrainer(texts, { ...chosen, onStep: ({ loss }) => all.push(loss) });
      await trainer.run();
      trainer.close();
      return all;
    };
    const first = await losses({ ...settings, strictMath: true });
    expect(first).toHaveLength(5);
    expect(await losses(linkedOptions(read, PRESETS))).toEqual(first);
  });

  test("holds the differences alone, also where the preset sets a limit and the training has none", () => {
    const chosen = { ...PRESETS.book, clipNorm: null, nLayer: 1, numSteps: 10, threads: 4, seed: 3 };
    expect(differences(chosen, "book", PRESETS)).toEqual({ clipNorm: null, numSteps: 10 });
    expect(differences({ stream: false }, "book", PRESETS)).toEqual({ stream: false });
    expect(writeLink({ ...EMPTY, preset: "book", options: { clipNorm: null, numSteps: 10 } }).toString()).toBe(
      "preset=book&numSteps=10&clipNorm=&seed=42",
    );
  });

  test(`takes a text of ${MAX_TEXT_BYTES} bytes and refuses a longer one`, () => {
    const text = "é".repeat(MAX_TEXT_BYTES / 2);
    expect(roundTrip({ ...EMPTY, text }).link.text).toBe(text);
    expect(() => writeLink({ ...EMPTY, text: `${text}a` })).toThrow(
      new InputError("text: 2049 bytes are too many for a link; at most 2048 fit"),
    );
    const read = readLink(new URLSearchParams({ text: `${text}a` }), PRESETS);
    expect(read).toEqual({ link: EMPTY, ignored: ["text: 2049 bytes are too many for a link; at most 2048 fit"] });
  });
});

describe("of a wrong link", () => {
  test.each([
    ["preset=nomen", 'preset: there is none called "nomen"'],
    ["preset=__proto__", 'preset: there is none called "__proto__"'],
    ["seed=-1", 'seed: expected a whole number from 0 to 9007199254740991, got "-1"'],
    ["nEmbd=big", 'nEmbd: expected a whole number from 1 to 65536, got "big"'],
    ["nEmbd=", 'nEmbd: expected a whole number from 1 to 65536, got ""'],
    ["learningRate=NaN", 'learningRate: expected a number from 0 to 1000, got "NaN"'],
    ["tokenizer=gpt4", 'tokenizer: expected one of char, word, bpe, byte-bpe; got "gpt4"'],
    ["stream=yes", 'stream: expected true or false, got "yes"'],
    ["engine=webgpu", "engine: a link cannot set it"],
    ["data=/etc/passwd", "data: a link cannot set it"],
    ["hack=1", '"hack" is not an option'],
    ["constructor=1", '"constructor" is not an option'],
    ["view.__proto__=1", 'view: "__proto__" is not part of one'],
    ["seed=42&seed=7", '"seed" is in the link twice'],
    [
      "nEmbd=10",
      "the options contradict each other, so the preset's are used: --n-head 4 does not divide --n-embd 10; each head gets an equal share of the width",
    ],
  ])("%s is dropped and named", (query, sentence) => {
    expect(readLink(new URLSearchParams(query), PRESETS)).toEqual({ link: EMPTY, ignored: [sentence] });
  });

  test("the right parts count", () => {
    const { link: read, ignored } = readLink(
      new URLSearchParams("nLayer=2&nHead=0&seed=9&x=1&run=/a/run.zip"),
      PRESETS,
    );
    expect(read).toEqual({ ...EMPTY, options: { nLayer: 2 }, seed: 9 });
    expect(ignored).toHaveLength(2);
  });

  test("a thousand wrong parts are a dozen sentences and a number", () => {
    const many = new URLSearchParams(Array.from({ length: 1000 }, (_, i) => [`x${i}`, "1"]));
    const { ignored } = readLink(many, PRESETS);
    expect([ignored.length, ignored.at(-1)]).toEqual([13, "988 more"]);
  });

  test("nothing is thrown, every sentence is short and plain, and what is left can be trained", () => {
    const key = fc.oneof(
      fc.constantFrom(...Object.keys(TRAIN_OPTIONS), "preset", "text", "view.step", "__proto__", "toString"),
      fc.string({ unit: "binary" }),
    );
    const value = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.double().map(String),
      fc.integer().map(String),
      fc.constantFrom("", "true", "names", "bpe", "1e999", "-0", "9".repeat(5000)),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(key, value), { maxLength: 12 }), (pairs) => {
        const { link: read, ignored } = readLink(new URLSearchParams(pairs), PRESETS);
        for (const sentence of ignored)
          expect(sentence).toMatch(/^[^\u0000-\u001f\u007f-\u009f\u202a-\u202e]{1,300}$/u);
        expect(roundTrip(read)).toEqual({ link: read, ignored: [] });
      }),
      { numRuns: 500 },
    );
  });
});

describe("an address", () => {
  test.each([
    ["", []],
    ["#/play?nEmbd=8&seed=7", []],
    ["#/learn/attention", []],
    ["#/inside?nEmbd=8&seed=7&seed=8", ['Look inside does not read "nEmbd", "seed"; Play trains the model of a link']],
    ["#/inside/heads/1", ['Look inside has no part "heads/1"']],
    ["#/play/x", ['Play has no part "x"']],
    ["#/paly?seed=7", ['there is no page "paly"; this is Play']],
    ["#/break/no-mask?a\u0000=1", ['Break it does not read "a\\u0000"; Play trains the model of a link']],
  ])("%s: what its page does not read is named", (hash, ignored) => {
    expect(addressOf(hash).ignored).toEqual(ignored);
  });

  test("a thousand parameters that a page does not read are one sentence", () => {
    const many = Array.from({ length: 1000 }, (_, i) => `x${i}=1`).join("&");
    expect(addressOf(`#/tokens?${many}`).ignored).toEqual([
      'Tokens does not read "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7" and 992 more; Play trains the model of a link',
    ]);
  });
});
