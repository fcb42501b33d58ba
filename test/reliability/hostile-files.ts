/**
 * Files that somebody made badly, or to do harm: named cases as data, for hostile-files.test.ts.
 * Each says what it is and what the refusal must say.
 */
import { file, resealed } from "../setup/sealed.ts";

export interface HostileCase {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly error: RegExp;
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const length = (value: bigint): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
};
const joined = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));
const tensor = (fields: string): string => `{"a":{${fields}}}`;
const GOOD = '"dtype":"U8","shape":[2],"data_offsets":[0,2]';
const TWO = Uint8Array.of(1, 2);

const headers = (cases: readonly (readonly [string, string | Uint8Array, RegExp, Uint8Array?])[]): HostileCase[] =>
  cases.map(([name, header, error, data]) => ({ name, bytes: file(header, data ?? TWO), error }));

/** The container: header length, JSON, white space. */
const CONTAINERS: readonly HostileCase[] = [
  { name: "an empty file", bytes: new Uint8Array(), error: /it has 0 bytes/ },
  ...[1, 2, 3, 4, 5, 6, 7].map((size) => ({
    name: `a file of ${size} bytes`,
    bytes: new Uint8Array(size),
    error: new RegExp(`it has ${size} bytes`),
  })),
  { name: "a header length and no header", bytes: length(10n), error: /a header of 10 bytes, the file has 0 more/ },
  { name: "a header of 0 bytes", bytes: joined(length(0n), utf8("{}")), error: /a header of 0 bytes/ },
  { name: "a header one byte too long", bytes: joined(length(3n), utf8("{}")), error: /a header of 3 bytes/ },
  ...[24n, 25n, 31n, 32n, 53n, 62n, 63n].map((power) => ({
    name: `a header of 2^${power} bytes`,
    bytes: joined(length(2n ** power), utf8("{}")),
    error: power <= 24n ? /the file has 2 more/ : /more than 16 MiB/,
  })),
  { name: "a header of 2^64 − 1 bytes", bytes: joined(length(2n ** 64n - 1n), utf8("{}")), error: /more than 16 MiB/ },
  { name: "a big-endian header length", bytes: joined(length(2n).toReversed(), utf8("{}")), error: /more than 16 MiB/ },
  ...headers([
    ["a header that starts with [", "[1]", /byte 8, where the header starts, is not `{`/],
    ["a header that starts with a letter", "true", /is not `{`/],
    ["a header that is null after a blank", " null", /the header is not a JSON object/],
    ["a header that is a list after a blank", " []", /the header is not a JSON object/],
    ["a header that is a text after a blank", ' "a"', /the header is not a JSON object/],
    ["a header that is a number after a blank", " 7", /the header is not a JSON object/],
    ["a byte order mark", "\ufeff{}", /is not `{`/],
    ["a byte order mark after a blank", " \ufeff{}", /the header is not JSON/],
    ["invalid UTF-8", Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), /the header is not UTF-8/],
    ["UTF-8 that is cut", Uint8Array.of(0x7b, 0x22, 0xe2, 0x82), /the header is not UTF-8/],
    ["an overlong UTF-8 slash", Uint8Array.of(0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x7d), /the header is not UTF-8/],
    ["a surrogate in UTF-8", Uint8Array.of(0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x7d), /the header is not UTF-8/],
    ["a header cut in the middle", '{"a":{"dtype"', /the header is not JSON/],
    ["a header without its last brace", tensor(GOOD).slice(0, -1), /the header is not JSON/],
    ["text after the header's JSON", `${tensor(GOOD)}x`, /the header is not JSON/],
    ["two headers", "{}{}", /the header is not JSON/],
    ["a NUL after the header's JSON", `${tensor(GOOD)}\0`, /the header is not JSON/],
    ["a vertical tab for white space", `${tensor(GOOD)}\v`, /the header is not JSON/],
    ["single quotes", "{'a':1}", /the header is not JSON/],
    ["a comma too many", `{"a":{${GOOD}},}`, /the header is not JSON/],
    ["a comment", `{/**/}`, /the header is not JSON/],
    ["NaN as a number", tensor('"dtype":"U8","shape":[NaN],"data_offsets":[0,2]'), /the header is not JSON/],
    ["a raw newline in a name", '{"a\nb":{}}', /the header is not JSON/],
    ["nesting four deep", '{"a":{"shape":[[1]]}}', /nested more than 3 deep/],
    ["nesting 100,000 deep", `{"a":${"[".repeat(100_000)}`, /nested more than 3 deep/],
  ]),
];

/** Entries: names, types, shapes, places. */
const ENTRIES: readonly HostileCase[] = headers([
  ["a name twice", `{"a":{${GOOD}},"a":{${GOOD}}}`, /names "a" twice/],
  ["a name twice, once escaped", `{"a":{${GOOD}},"\\u0061":{${GOOD}}}`, /names "a" twice/],
  ["metadata twice", '{"__metadata__":{},"__metadata__":{}}', /names "__metadata__" twice/],
  ["a field twice", tensor(`${GOOD},"dtype":"F64"`), /names "dtype" twice/],
  ["a metadata key twice", '{"__metadata__":{"k":"1","k":"2"}}', /names "k" twice/],
  ["a tensor called __proto__", `{"__proto__":{${GOOD}}}`, /forbidden name "__proto__"/],
  ["a tensor called constructor", `{"constructor":{${GOOD}}}`, /forbidden name "constructor"/],
  ["a tensor called prototype", `{"prototype":{${GOOD}}}`, /forbidden name "prototype"/],
  ["__proto__ with a payload", '{"__proto__":{"polluted":"yes"}}', /forbidden name "__proto__"/],
  ["metadata called __proto__", '{"__metadata__":{"__proto__":"polluted"}}', /forbidden name "__proto__"/],
  ["metadata that is a list", '{"__metadata__":["a"]}', /`__metadata__` is not an object/],
  ["metadata that is a text", '{"__metadata__":"a"}', /`__metadata__` is not an object/],
  ["metadata that is null", '{"__metadata__":null}', /`__metadata__` is not an object/],
  ["a metadata value that is a number", '{"__metadata__":{"k":1}}', /"k" must be a string/],
  ["a metadata value that is an object", '{"__metadata__":{"k":{}}}', /"k" must be a string/],
  ["a metadata value that is null", '{"__metadata__":{"k":null}}', /"k" must be a string/],
  ["metadata of more than a million characters", `{"__metadata__":{"k":"${"x".repeat(2 ** 20)}"}}`, /more than 2\^20/],
  ["a tensor that is null", '{"a":null}', /tensor "a" is not an object/],
  ["a tensor that is a list", '{"a":[1]}', /tensor "a" is not an object/],
  ["a tensor that is a text", '{"a":"U8"}', /tensor "a" is not an object/],
  ["no dtype", tensor('"shape":[2],"data_offsets":[0,2]'), /tensor "a" lacks `dtype`/],
  ["no shape", tensor('"dtype":"U8","data_offsets":[0,2]'), /tensor "a" lacks `shape`/],
  ["no offsets", tensor('"dtype":"U8","shape":[2]'), /tensor "a" lacks `data_offsets`/],
  ["a field too many", tensor(`${GOOD},"strides":[1]`), /unknown field "strides"/],
  ["an unknown dtype", tensor('"dtype":"F128","shape":[2],"data_offsets":[0,2]'), /unknown dtype "F128"/],
  ["a dtype in lower case", tensor('"dtype":"u8","shape":[2],"data_offsets":[0,2]'), /unknown dtype "u8"/],
  ["a dtype that is a number", tensor('"dtype":8,"shape":[2],"data_offsets":[0,2]'), /`dtype` must be a string/],
  ["a dtype that is null", tensor('"dtype":null,"shape":[2],"data_offsets":[0,2]'), /`dtype` must be a string/],
  ["a dtype that every object has", tensor('"dtype":"toString","shape":[2],"data_offsets":[0,2]'), /unknown dtype/],
  ["a shape that is a number", tensor('"dtype":"U8","shape":2,"data_offsets":[0,2]'), /`shape` must be a list/],
  ["a shape that is an object", tensor('"dtype":"U8","shape":{},"data_offsets":[0,2]'), /`shape` must be a list/],
  ["a shape that is null", tensor('"dtype":"U8","shape":null,"data_offsets":[0,2]'), /`shape` must be a list/],
  ["a side that is a text", tensor('"dtype":"U8","shape":["2"],"data_offsets":[0,2]'), /`shape` must be a list/],
  ["a side that is null", tensor('"dtype":"U8","shape":[null],"data_offsets":[0,2]'), /`shape` must be a list/],
  ["a side that is true", tensor('"dtype":"U8","shape":[true],"data_offsets":[0,2]'), /`shape` must be a list/],
  ["a negative side", tensor('"dtype":"U8","shape":[-2],"data_offsets":[0,2]'), /the number "-2"/],
  ["two negative sides", tensor('"dtype":"U8","shape":[-1,-2],"data_offsets":[0,2]'), /the number "-1"/],
  ["a side of −0", tensor('"dtype":"U8","shape":[-0],"data_offsets":[0,2]'), /the number "-0"/],
  ["a fractional side", tensor('"dtype":"U8","shape":[2.5],"data_offsets":[0,2]'), /the number "2.5"/],
  ["a side of 2.0", tensor('"dtype":"U8","shape":[2.0],"data_offsets":[0,2]'), /the number "2.0"/],
  ["a side of 2e0", tensor('"dtype":"U8","shape":[2e0],"data_offsets":[0,2]'), /the number "2e0"/],
  ["a side of 1e999", tensor('"dtype":"U8","shape":[1e999],"data_offsets":[0,2]'), /the number "1e999"/],
  ["a side of 2^53", tensor('"dtype":"U8","shape":[9007199254740992],"data_offsets":[0,2]'), /`shape` must be a list/],
  ["a side of 2^64", tensor('"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,2]'), /the number "18446/],
  [
    "sides whose product overflows",
    tensor('"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,2]'),
    /a shape of/,
  ],
  [
    "sides whose product wraps to 2",
    tensor(`"dtype":"U8","shape":[${2 ** 32},${2 ** 32},2],"data_offsets":[0,2]`),
    /a shape of/,
  ],
  ["nine dimensions", tensor('"dtype":"U8","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,2]'), /9 dimensions/],
  [
    "a million dimensions",
    tensor(`"dtype":"U8","shape":[${"1,".repeat(1e6)}2],"data_offsets":[0,2]`),
    /dimensions, more than 8/,
  ],
  [
    "a shape smaller than its bytes",
    tensor('"dtype":"U8","shape":[1],"data_offsets":[0,2]'),
    /a shape of 1 bytes but 2/,
  ],
  [
    "a shape larger than its bytes",
    tensor('"dtype":"U8","shape":[3],"data_offsets":[0,2]'),
    /a shape of 3 bytes but 2/,
  ],
  ["a type wider than its bytes", tensor('"dtype":"F32","shape":[2],"data_offsets":[0,2]'), /a shape of 8 bytes but 2/],
  ["offsets that are a number", tensor('"dtype":"U8","shape":[2],"data_offsets":2'), /`data_offsets` must be two/],
  ["one offset", tensor('"dtype":"U8","shape":[2],"data_offsets":[2]'), /`data_offsets` must be two/],
  ["three offsets", tensor('"dtype":"U8","shape":[2],"data_offsets":[0,2,2]'), /`data_offsets` must be two/],
  ["offsets that are texts", tensor('"dtype":"U8","shape":[2],"data_offsets":["0","2"]'), /`data_offsets` must be two/],
  ["a negative offset", tensor('"dtype":"U8","shape":[2],"data_offsets":[-2,0]'), /the number "-2"/],
  ["an offset of 2^53", tensor('"dtype":"U8","shape":[2],"data_offsets":[0,9007199254740992]'), /must be two/],
  [
    "offsets the wrong way round",
    tensor('"dtype":"U8","shape":[2],"data_offsets":[2,0]'),
    /begin at 2, after their end 0/,
  ],
  [
    "data that starts late",
    tensor('"dtype":"U8","shape":[1],"data_offsets":[1,2]'),
    /starts at data byte 1, expected 0/,
  ],
  [
    "data past the end of the file",
    tensor('"dtype":"U8","shape":[3],"data_offsets":[0,3]'),
    /need 3 bytes of data, the file has 2/,
  ],
  [
    "data far past the end",
    tensor(`"dtype":"U8","shape":[${2 ** 40}],"data_offsets":[0,${2 ** 40}]`),
    /bytes of data, the file has 2/,
  ],
  ["data left over", tensor('"dtype":"U8","shape":[1],"data_offsets":[0,1]'), /need 1 bytes of data, the file has 2/],
  ["data and no tensor", "{}", /need 0 bytes of data, the file has 2/],
  ["a tensor and no data", tensor(GOOD), /need 2 bytes of data, the file has 0/, new Uint8Array()],
  [
    "overlapping tensors",
    `{"a":{${GOOD}},"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`,
    /"b" starts at data byte 1, expected 2/,
  ],
  ["two tensors in one place", `{"a":{${GOOD}},"b":{${GOOD}}}`, /starts at data byte 0, expected 2/],
  ["a tensor inside of another", `{"a":{${GOOD}},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, /expected/],
  [
    "a hole between tensors",
    '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}',
    /"b" starts at data byte 2, expected 1/,
    Uint8Array.of(1, 2, 3),
  ],
  ["an empty tensor beyond the data", '{"a":{"dtype":"U8","shape":[0],"data_offsets":[9,9]}}', /starts at data byte 9/],
  ["a name of 513 bytes", `{"${"n".repeat(513)}":{${GOOD}}}`, /longer than 512 bytes/],
  ["a name of 200 characters and 600 bytes", `{"${"€".repeat(200)}":{${GOOD}}}`, /longer than 512 bytes/],
  ["a name with a slash", `{"../../etc/passwd":{${GOOD}}}`, /a path separator, a control character/],
  ["a name with a backslash", `{"a\\\\b":{${GOOD}}}`, /a path separator, a control character/],
  ["a name with a NUL", `{"a\\u0000":{${GOOD}}}`, /a path separator, a control character/],
  ["a name with an escape sequence", `{"\\u001b[31m":{${GOOD}}}`, /a path separator, a control character/],
  ["a name with an 8-bit control", `{"\\u009b31m":{${GOOD}}}`, /a path separator, a control character/],
  ["a name with half a character", `{"\\ud800":{${GOOD}}}`, /half a character/],
  [
    "100,001 tensors",
    `{${Array.from({ length: 100_001 }, (_, i) => `"t${i}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`).join(",")}}`,
    /lists 100001 tensors, more than 100000/,
  ],
]);

/** Other formats, by their first bytes. */
const magic = (name: string, bytes: readonly number[], error: RegExp): HostileCase => ({
  name,
  bytes: joined(Uint8Array.from(bytes), new Uint8Array(64)),
  error,
});

export const OTHER_FORMATS: readonly HostileCase[] = [
  magic("a pickle, protocol 2", [0x80, 2, 0x63, 0x6f, 0x73], /a Python pickle, which microgpt never opens/),
  magic("a pickle, protocol 3", [0x80, 3], /a Python pickle/),
  magic("a pickle, protocol 4", [0x80, 4, 0x95], /a Python pickle/),
  magic("a pickle, protocol 5", [0x80, 5], /a Python pickle/),
  magic("a PyTorch zip", [0x50, 0x4b, 3, 4], /a zip archive/),
  magic("an HDF5 file", [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a], /an HDF5 file/),
  magic("a GGUF file", [0x47, 0x47, 0x55, 0x46, 3, 0, 0, 0], /a GGUF file/),
  magic("an ONNX model", [0x08, 0x08, 0x12, 0x07, 0x70, 0x79, 0x74, 0x6f, 0x72], /an ONNX model/),
  magic("a gzip archive", [0x1f, 0x8b, 8, 0], /a gzip archive/),
];

export const CONTAINER_CASES: readonly HostileCase[] = [...CONTAINERS, ...ENTRIES, ...OTHER_FORMATS];

type Change = Parameters<typeof resealed>[1];

/** Files with a right checksum that say what can't be: by a change to the header of a good one. */
export const CHECKPOINT_CHANGES: readonly (readonly [string, Change, RegExp])[] = [
  ["no format", (h) => delete h.__metadata__.format, /the file's format is "nothing"/],
  ["another format", (h) => (h.__metadata__.format = "pt"), /the file's format is "pt"/],
  ["a model's format", (h) => (h.__metadata__.format = "microgpt-model"), /the file's format is "microgpt-model"/],
  ["no version", (h) => delete h.__metadata__.version, /version "none" is not 1; update microgpt/],
  ["a newer version", (h) => (h.__metadata__.version = "2"), /version "2" is not 1; update microgpt/],
  ["no config", (h) => delete h.__metadata__.config, /`config` is missing or not JSON/],
  ["a config that is no JSON", (h) => (h.__metadata__.config = "{"), /`config` is missing or not JSON/],
  ["a config that is a list", (h) => (h.__metadata__.config = "[]"), /config: it must be an object/],
  ["a config without sizes", (h) => (h.__metadata__.config = "{}"), /`vocabSize` must be a whole number/],
  ["zero layers", config({ nLayer: 0 }), /`nLayer` must be a whole number from 1/],
  ["minus one layer", config({ nLayer: -1 }), /`nLayer` must be a whole number/],
  ["half a head", config({ nHead: 0.5 }), /`nHead` must be a whole number/],
  ["a width that is a text", config({ nEmbd: "4" }), /`nEmbd` must be a whole number/],
  ["a billion layers", config({ nLayer: 1e9 }), /`nLayer` must be a whole number from 1 to 1048576/],
  ["a million layers", config({ nLayer: 1_000_000 }), /the file has 27, its config needs 18000009/],
  ["two layers for one", config({ nLayer: 2 }), /the file has 27, its config needs 45/],
  ["heads that don't divide the width", config({ nHead: 3 }), /nHead 3 does not divide nEmbd 4/],
  ["a larger vocabulary than its embedding", config({ vocabSize: 6 }), /tensor wte is \[5, 4\], expected \[6, 4\]/],
  ["a longer block than its embedding", config({ blockSize: 9 }), /tensor wpe is \[4, 4\], expected \[9, 4\]/],
  ["a wider model than its tensors", config({ nEmbd: 8 }), /tensor wte is \[5, 4\], expected \[5, 8\]/],
  ["a tensor under another name", rename("wte", "wtf"), /tensor wte is missing/],
  [
    "an optimizer's tensor under another name",
    rename("adam.mean.wpe", "adam.mean.x"),
    /tensor adam\.mean\.wpe is missing/,
  ],
  ["a flat shape", (h) => (h.wte.shape = [20]), /tensor wte is \[20\], expected \[5, 4\]/],
  ["a transposed shape", (h) => (h.wte.shape = [4, 5]), /tensor wte is \[4, 5\], expected \[5, 4\]/],
  ["integers for weights", (h) => (h.wte.dtype = "I64"), /tensor wte is I64; expected F32 or F64/],
  ["no progress", (h) => delete h.__metadata__.progress, /`progress` is missing or not JSON/],
  ["progress that is null", (h) => (h.__metadata__.progress = "null"), /`progress` must be an object/],
  ["minus one step", progress({ step: -1 }), /`progress.step` must be a whole number/],
  ["half a step", progress({ step: 0.5 }), /`progress.step` must be a whole number/],
  ["a loss that is a text", progress({ meanLoss: "1" }), /`progress.meanLoss` must be a number or null/],
  ["more steps skipped than done", progress({ skipped: 3 }), /`progress.skipped` must count some of the steps/],
  ["more skipped in a row than in all", progress({ skipped: 1, skippedInARow: 2 }), /`progress.skipped` must count/],
  ["minus one skipped", progress({ skipped: -1 }), /`progress.skipped` must count/],
  ["skipped steps that are null", progress({ skipped: null }), /`progress.skipped` must count/],
  ["a best without a loss", progress({ best: { step: 1 } }), /an evaluation in `progress` must be a step and its loss/],
  ["an evaluation that is a list", progress({ evaluation: [] }), /an evaluation in `progress`/],
  ["no generator", (h) => delete h.__metadata__.random, /`random` is missing or not JSON/],
  ["a generator without words", (h) => (h.__metadata__.random = "{}"), /`random` is not a generator state/],
  [
    "a generator of another version",
    (h) => (h.__metadata__.random = '{"version":2}'),
    /`random` is not a generator state/,
  ],
];

function config(fields: object): Change {
  return ({ __metadata__: metadata }) => {
    metadata.config = JSON.stringify({ ...(JSON.parse(metadata.config) as object), ...fields });
  };
}

function progress(fields: object): Change {
  return ({ __metadata__: metadata }) => {
    metadata.progress = JSON.stringify({ ...(JSON.parse(metadata.progress) as object), ...fields });
  };
}

function rename(from: string, to: string): Change {
  return (header) => {
    header[to] = header[from];
    delete header[from];
  };
}
