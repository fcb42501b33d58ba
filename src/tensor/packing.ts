/**
 * Packs documents into rows: end to end without padding, in passes that fit the engine's memory.
 *
 *   documents, blockSize 4:    [BOS a d a BOS]      [BOS g r a c e BOS]    (the second is cut to 4 tokens)
 *   row                          0  1 2 3             4  5 6 7
 *   tokens                     BOS  a d a           BOS  g r a
 *   targets                      a  d a BOS           g  r a c
 *   positions                    0  1 2 3             0  1 2 3
 *   documents                    0                    4         8       first row of each, and the end
 *
 * A document's last token is a target only. No row of one document reads a row of another.
 */
import type { Tokens } from "../text/token-sequences.ts";
import { shareOf } from "../training/ranks.ts";
import type { Ranks } from "../training/ranks.ts";
import type { PackedTokens } from "./backend.ts";

/** Documents that go through a program at once. */
export interface Pass {
  /** Whole documents, in order. */
  readonly documents: readonly Tokens[];
  /** Number of their rows. */
  readonly tokens: number;
}

/** What one process computes of a step or an evaluation. */
export interface Work {
  /** Whole documents, in order. Empty only where there are more ranks than documents. */
  readonly passes: readonly Pass[];
  /** Number of tokens before them: those of the ranks before this one. */
  readonly before: number;
  /** Number of tokens of all processes. */
  readonly tokens: number;
}

/** Memory for a pass of at most `tokens` rows and `documents − 1` documents. */
export const newPackedTokens = (tokens: number, documents: number): PackedTokens => ({
  tokens: new Int32Array(tokens),
  targets: new Int32Array(tokens),
  positions: new Int32Array(tokens),
  documents: new Int32Array(documents),
});

/** Number of rows of a document: its last token is a target only, and at most blockSize tokens are read. */
const rowsOf = (document: Tokens, blockSize: number): number => Math.min(blockSize, document.length - 1);

/** The work of this process, in passes of at most `maxTokens` rows. @param ranks null: all of the batches. */
export function workOf(
  batches: readonly (readonly Tokens[])[],
  ranks: Ranks | null,
  maxTokens: number,
  blockSize: number,
): Work {
  if (ranks === null) {
    const passes = batches.flatMap((documents) => intoPasses(documents, maxTokens, blockSize));
    return { passes, before: 0, tokens: passes.reduce((sum, pass) => sum + pass.tokens, 0) };
  }
  const documents = batches.flat();
  const rows = documents.map((document) => rowsOf(document, blockSize));
  const { from, to, before, tokens } = shareOf(ranks, rows);
  const passes = from === to ? [] : intoPasses(documents.slice(from, to), maxTokens, blockSize);
  return { passes, before, tokens };
}

/** Cuts a batch between documents into passes of at most `maxTokens` rows and documents. Returns at least one pass. */
export function intoPasses(documents: readonly Tokens[], maxTokens: number, blockSize: number): Pass[] {
  const passes: Pass[] = [];
  let [first, tokens] = [0, 0];
  for (const [i, document] of documents.entries()) {
    const count = rowsOf(document, blockSize);
    if (tokens + count > maxTokens || i - first === maxTokens) {
      passes.push({ documents: documents.slice(first, i), tokens });
      [first, tokens] = [i, 0];
    }
    tokens += count;
  }
  passes.push({ documents: documents.slice(first), tokens });
  return passes;
}

/** Writes the documents of a pass into `memory` as drawn above; returns views of it, valid until the next call. */
export function packDocuments(documents: readonly Tokens[], blockSize: number, memory: PackedTokens): PackedTokens {
  const { tokens, targets, positions, documents: ends } = memory;
  let row = 0;
  for (const [d, document] of documents.entries()) {
    const count = rowsOf(document, blockSize);
    for (let position = 0; position < count; position++, row++) {
      tokens[row] = document[position];
      targets[row] = document[position + 1];
      positions[row] = position;
    }
    ends[d + 1] = row;
  }
  return { tokens, targets, positions, documents: ends.subarray(0, documents.length + 1) };
}

/** The next tokens of one of several texts. */
export interface TextPiece {
  /** Which text, from 0. */
  readonly stream: number;
  /** The position of the first token in its text. */
  readonly position: number;
  /** At least one. */
  readonly tokens: readonly number[];
}

/**
 * Writes pieces, in the order of their texts, into `memory`; returns it. Document d is text d; a text without a piece has
 * no row.
 *
 *   text 0 read "ad" and now reads "a", text 2 begins with "gr":
 *   tokens      a  g  r
 *   positions   2  0  1
 *   documents   0  1  1  3
 */
export function packPieces(pieces: readonly TextPiece[], memory: PackedTokens): PackedTokens {
  const { tokens, positions, documents } = memory;
  let [row, next] = [0, 0];
  for (let stream = 0; stream + 1 < documents.length; stream++) {
    if (pieces[next]?.stream === stream) {
      const piece = pieces[next++];
      for (const [i, token] of piece.tokens.entries()) {
        tokens[row] = token;
        positions[row++] = piece.position + i;
      }
    }
    documents[stream + 1] = row;
  }
  return memory;
}
