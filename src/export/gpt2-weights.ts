/**
 * Our model as the weights of a plain GPT-2, which has LayerNorm with gain and bias, GELU, biases and a final norm. With
 * constants in the right places it computes the same function; nothing is trained or approximated beyond float32.
 *
 * A row of the residual stream, d = nEmbd numbers x here, is D ≥ 2d + 2 numbers there (tied: D ≥ 4d + 2):
 *
 *   x, −x      its mean is 0, so LayerNorm divides by the root of a mean square, as RMSNorm does
 *   +κ, −κ     adds a constant to that mean square: RMSNorm's epsilon, at the scale of the stream
 *   x′, −x′    (tied) the stream once more, for the head: the rows of the token table are the head there, times 2⁻²⁰
 *   0 …        up to D, a multiple of the number of heads
 *
 * 1. RMSNorm after the embeddings e: one block more in front. Its attention writes nothing; its MLP writes M · rms(e) on top
 *    of e, with M = 2²⁴, so that e is below what float32 resolves. From there on the stream is M · x.
 * 2. The epsilon of that first norm is `layer_norm_epsilon`; that of the later ones is κ, which the first MLP's bias writes.
 * 3. ReLU from GELU: inputs times 2²⁰, outputs times 2⁻²⁰; the curve is then a corner, to 2·10⁻⁷.
 * 4. No final norm: the last MLP's bias raises ±κ to ±C, C = 2⁴¹, so that the final norm divides by a constant.
 * 5. Heads of d / H numbers become heads of D / H: zeros, and queries times √(new / old size).
 */
import type { Config } from "../microgpt.ts";
import type { Tensor, Tensors } from "../training/engine.ts";

/** RMSNorm's epsilon, as in microgpt.ts. */
const EPSILON = 1e-5;
/** The scale of the stream after the first block. */
const M = 2 ** 24;
/** What the final norm divides by, nearly. */
const C = 2 ** 41;
/** GELU's inputs are so much larger, its outputs smaller. */
const CORNER = 2 ** 20;
/** The head in the token table is so much smaller than the head. */
const HEAD = 2 ** -20;

/** A GPT-2. */
export interface Gpt2 {
  /** `n_embd`. */
  readonly width: number;
  /** `n_layer`: one more than ours. */
  readonly layers: number;
  /** Numbers of an MLP's hidden layer: `n_inner`. */
  readonly inner: number;
  /** `layer_norm_epsilon`. */
  readonly epsilon: number;
  /** Whether the head is the token table. */
  readonly isTied: boolean;
  /** As in PyTorch, [out, in]: transformers' `Conv1D` has the transposed. Names as there, without `transformer.`. */
  readonly matrices: Tensors;
  /** Biases, and the norms' gains (`….weight`) and biases: name → [size]. */
  readonly vectors: ReadonlyMap<string, Float32Array>;
}

/** Compiles a model. @param isTied for programs that ignore or forbid a head of its own; several times the bytes. */
export function compileGpt2(config: Config, weights: Tensors, isTied: boolean): Gpt2 {
  return new Gpt2Compiler(config, weights, isTied).compile();
}

/** A matrix that is written entry by entry; 0 elsewhere. */
class Matrix implements Tensor {
  readonly shape: readonly [rows: number, columns: number];
  readonly data: Float32Array;

  constructor(rows: number, columns: number) {
    this.shape = [rows, columns];
    this.data = new Float32Array(rows * columns);
  }

  set(row: number, column: number, value: number): void {
    this.data[row * this.shape[1] + column] = value;
  }
}

class Gpt2Compiler {
  readonly #config: Config;
  readonly #weights: Tensors;
  readonly #isTied: boolean;
  readonly #width: number;
  readonly #inner: number;
  readonly #matrices = new Map<string, Tensor>();
  readonly #vectors = new Map<string, Float32Array>();

  constructor(config: Config, weights: Tensors, isTied: boolean) {
    const { nEmbd, nHead } = config;
    this.#config = config;
    this.#weights = weights;
    this.#isTied = isTied;
    this.#width = Math.ceil(((isTied ? 4 : 2) * nEmbd + 2) / nHead) * nHead;
    // What ignores an untied head ignores another size of the hidden layer, too.
    this.#inner = 4 * (isTied ? this.#width : nEmbd);
  }

  compile(): Gpt2 {
    const { nEmbd, nLayer } = this.#config;
    this.#embeddings();
    this.#normingBlock();
    for (let layer = 0; layer < nLayer; layer++) this.#block(layer);
    this.#finalNorm();
    return {
      width: this.#width,
      layers: nLayer + 1,
      inner: this.#inner,
      epsilon: (EPSILON * 2 * nEmbd) / this.#width,
      isTied: this.#isTied,
      matrices: this.#matrices,
      vectors: this.#vectors,
    };
  }

  /** Column of x[i] in the stream, with the sign of each copy: x, −x and, if tied, x′, −x′. */
  #copies(i: number): [column: number, sign: 1 | -1][] {
    const d = this.#config.nEmbd;
    const own: [number, 1 | -1][] = [
      [i, 1],
      [d + i, -1],
    ];
    if (!this.#isTied) return own;
    return [...own, [2 * d + 2 + i, 1], [3 * d + 2 + i, -1]];
  }

  /** Columns of +κ and −κ. */
  get #constants(): readonly [number, number] {
    return [2 * this.#config.nEmbd, 2 * this.#config.nEmbd + 1];
  }

  /** κ: the pair adds M² · EPSILON to the mean square of the stream's x. */
  get #kappa(): number {
    const { nEmbd } = this.#config;
    return M * Math.sqrt((this.#isTied ? 2 : 1) * EPSILON * nEmbd);
  }

  #embeddings(): void {
    const { vocabSize, blockSize } = this.#config;
    const [wte, wpe] = [new Matrix(vocabSize, this.#width), new Matrix(blockSize, this.#width)];
    const own = (i: number): [column: number, sign: 1 | -1][] => this.#copies(i).slice(0, 2);
    this.#forEntries("wte", (r, i, value) => own(i).forEach(([column, sign]) => wte.set(r, column, sign * value)));
    this.#forEntries("wpe", (r, i, value) => own(i).forEach(([column, sign]) => wpe.set(r, column, sign * value)));
    if (this.#isTied) {
      this.#forEntries("lm_head", (r, i, value) =>
        this.#copies(i)
          .slice(2)
          .forEach(([column, sign]) => wte.set(r, column, sign * HEAD * value)),
      );
    } else {
      const head = new Matrix(vocabSize, this.#width);
      this.#forEntries("lm_head", (r, i, value) => this.#read(head, r, i, value));
      this.#matrices.set("lm_head", head);
    }
    this.#matrices.set("wte", wte).set("wpe", wpe);
  }

  /** The block in front, which writes M · rms(e) and ±κ. */
  #normingBlock(): void {
    const { nEmbd } = this.#config;
    this.#norm("h.0.ln_1", 2);
    this.#norm("h.0.ln_2", 2);
    this.#attention(0, null);
    const [up, down] = this.#newMlp();
    const bias = this.#newVector();
    for (let i = 0; i < nEmbd; i++) {
      // relu(r) − relu(−r) = r
      for (const [unit, sign] of [
        [i, 1],
        [nEmbd + i, -1],
      ] as const) {
        this.#read(up, unit, i, sign * CORNER);
        for (const [column, of] of this.#copies(i)) down.set(column, unit, (of * sign * M) / CORNER);
      }
    }
    const [plus, minus] = this.#constants;
    [bias[plus], bias[minus]] = [this.#kappa, -this.#kappa];
    this.#setMlp(0, up, down, bias);
  }

  #block(layer: number): void {
    const { nLayer } = this.#config;
    const number = layer + 1;
    const copies = this.#isTied ? 4 : 2;
    this.#norm(`h.${number}.ln_1`, copies);
    this.#norm(`h.${number}.ln_2`, copies);
    this.#attention(number, `layer${layer}.`);
    const [up, down] = this.#newMlp();
    this.#forEntries(`layer${layer}.mlp_fc1`, (unit, i, value) => this.#read(up, unit, i, CORNER * value));
    this.#forEntries(`layer${layer}.mlp_fc2`, (i, unit, value) => {
      for (const [column, sign] of this.#copies(i)) down.set(column, unit, (sign * M * value) / CORNER);
    });
    const bias = this.#newVector();
    if (layer === nLayer - 1) {
      const [plus, minus] = this.#constants;
      [bias[plus], bias[minus]] = [C - this.#kappa, this.#kappa - C];
    }
    this.#setMlp(number, up, down, bias);
  }

  /** A norm that gives x / √(mean square + ε), where the stream has x `copies` times. */
  #norm(name: string, copies: number): void {
    const gain = Math.sqrt((copies * this.#config.nEmbd) / this.#width);
    this.#vectors.set(`${name}.weight`, this.#newVector().fill(gain)).set(`${name}.bias`, this.#newVector());
  }

  /** Adds a weight for the normed x[i]: half of it from x, half from −x, so that no rounding of the mean is left. */
  #read(matrix: Matrix, row: number, i: number, value: number): void {
    matrix.set(row, i, value / 2);
    matrix.set(row, this.#config.nEmbd + i, -value / 2);
  }

  /** @param prefix of our weights; null: the attention writes nothing. */
  #attention(number: number, prefix: string | null): void {
    const { nEmbd, nHead } = this.#config;
    const [size, newSize] = [nEmbd / nHead, this.#width / nHead];
    const spread = (i: number): number => Math.floor(i / size) * newSize + (i % size);
    const [qkv, out] = [new Matrix(3 * this.#width, this.#width), new Matrix(this.#width, this.#width)];
    if (prefix !== null) {
      for (const [part, name] of ["wq", "wk", "wv"].entries()) {
        const scale = name === "wq" ? Math.sqrt(newSize / size) : 1; // undoes the division by √newSize
        this.#forEntries(`${prefix}attn_${name}`, (r, i, value) =>
          this.#read(qkv, part * this.#width + spread(r), i, scale * value),
        );
      }
      this.#forEntries(`${prefix}attn_wo`, (i, c, value) => {
        for (const [column, sign] of this.#copies(i)) out.set(column, spread(c), sign * M * value);
      });
    }
    this.#matrices.set(`h.${number}.attn.c_attn`, qkv).set(`h.${number}.attn.c_proj`, out);
    this.#vectors.set(`h.${number}.attn.c_attn.bias`, new Float32Array(3 * this.#width));
    this.#vectors.set(`h.${number}.attn.c_proj.bias`, this.#newVector());
  }

  #newMlp(): [up: Matrix, down: Matrix] {
    return [new Matrix(this.#inner, this.#width), new Matrix(this.#width, this.#inner)];
  }

  #setMlp(number: number, up: Matrix, down: Matrix, bias: Float32Array): void {
    this.#matrices.set(`h.${number}.mlp.c_fc`, up).set(`h.${number}.mlp.c_proj`, down);
    this.#vectors.set(`h.${number}.mlp.c_fc.bias`, new Float32Array(this.#inner));
    this.#vectors.set(`h.${number}.mlp.c_proj.bias`, bias);
  }

  /** The last norm: divides by C · √(2 / D), which its gain undoes, together with M and the scale of a tied head. */
  #finalNorm(): void {
    const gain = this.#newVector();
    const scale = (C * Math.sqrt(2 / this.#width)) / M;
    for (let i = 0; i < this.#config.nEmbd; i++) {
      // Tied, the head reads x′ and −x′: half from each, as in #read.
      if (this.#isTied) for (const [column] of this.#copies(i).slice(2)) gain[column] = scale / HEAD / 2;
      else for (const [column] of this.#copies(i)) gain[column] = scale;
    }
    this.#vectors.set("ln_f.weight", gain).set("ln_f.bias", this.#newVector());
  }

  #newVector(): Float32Array {
    return new Float32Array(this.#width);
  }

  #forEntries(name: string, visit: (row: number, column: number, value: number) => void): void {
    const { shape, data } = this.#weights.get(name)!;
    for (let row = 0; row < shape[0]; row++) {
      for (let column = 0; column < shape[1]; column++) visit(row, column, data[row * shape[1] + column]);
    }
  }
}
