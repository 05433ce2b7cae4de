/** The numbers of a layer as the flow shows them, and what each is made of. */

import type { About, Packed, Tensor } from "../api";
import { TEXT } from "../strings";

/** One picture of the flow. */
export interface Stage {
  name: string;
  title: string;
  columns: number;
  kind: "signed" | "share";
  value: (row: number, column: number) => number;
  keys?: boolean; // whether a column is a token
}

/** What a number is made of: a sum of terms, then perhaps something more. */
export interface Recipe {
  formula: string;
  terms: { name: string; a: number; b?: number }[];
  maths: string;
  bias?: number | undefined;
  after?: string | undefined;
  weights?: { part: string; layer: number; column: number }; // b of the terms, to be asked for
}

export const FORWARD_ONLY = ["scores", "probabilities"]; // which the engine never has in backward

/** What the page asks of gradients; a saved page has recorded it for the last token. */
export function askedOfBackward(
  ids: number[],
  layer: number,
  checkpoint: string,
  target: number | null = ids.length - 1,
) {
  return { ids, layer, checkpoint, target };
}

export class LayerNumbers {
  readonly T: number;
  readonly rowNames: string[];
  readonly D: number;
  readonly keyHead: number;
  private readonly H: number;

  constructor(
    readonly about: About,
    readonly packed: Packed,
    readonly layer: number,
    readonly head: number,
  ) {
    const names = packed.meta.names as Record<string, string>;
    const first = packed.meta.first as number;
    const ids = packed.arrays.ids!.data;
    this.T = packed.arrays.top!.shape[0]!;
    this.rowNames = Array.from({ length: this.T }, (_, t) => names[`${ids[first + t]}`]!);
    this.D = about.head_size;
    this.H = about.config.n_head;
    this.keyHead = Math.floor(head / (this.H / about.config.n_kv_head));
  }

  array(name: string): Tensor {
    return this.packed.arrays[name]!;
  }

  at(name: string, row: number, column: number): number {
    const { data, shape } = this.array(name);
    return data[row * shape[1]! + column]!;
  }

  row(name: string, row: number): number[] {
    const { data, shape } = this.array(name);
    return Array.from(data.subarray(row * shape[1]!, (row + 1) * shape[1]!));
  }

  /** Where a head's queries, keys or values begin among the columns of qkv. */
  private start(which: "q" | "k" | "v"): number {
    const { H, D, about } = this;
    if (which === "q") return this.head * D;
    const keys = H * D + this.keyHead * D;
    return which === "k" ? keys : keys + about.config.n_kv_head * D;
  }

  score(t: number, s: number): number {
    let sum = 0;
    for (let d = 0; d < this.D; d++) {
      sum += this.at("qkv", t, this.start("q") + d) * this.at("qkv", s, this.start("k") + d);
    }
    return sum * this.about.attention_scale;
  }

  probability(t: number, s: number): number {
    return this.array("probabilities").data[(this.head * this.T + t) * this.T + s]!;
  }

  stages(): Stage[] {
    const say = TEXT.flow;
    const whole = (name: string, title: string): Stage => ({
      name, title, columns: this.array(name).shape[1]!, kind: "signed",
      value: (r, c) => this.at(name, r, c),
    }); // prettier-ignore
    const part = (which: "q" | "k" | "v", title: string): Stage => ({
      name: which, title, columns: this.D, kind: "signed",
      value: (r, c) => this.at("qkv", r, this.start(which) + c),
    }); // prettier-ignore
    const found = [
      ...(this.layer === 0 ? [whole("embedding", say.embedding)] : [whole("before", say.before)]),
      whole("norm_1", say.norm1),
      part("q", say.q),
      part("k", say.k),
      part("v", say.v),
      {
        name: "scores", title: say.scores, columns: this.T, kind: "signed" as const, keys: true,
        value: (t: number, s: number) => (s > t ? 0 : this.score(t, s)),
      },
      {
        name: "probabilities", title: say.probabilities, columns: this.T, kind: "share" as const,
        keys: true, value: (t: number, s: number) => this.probability(t, s),
      },
      {
        name: "heads", title: say.heads, columns: this.D, kind: "signed" as const,
        value: (t: number, d: number) => this.at("heads", t, this.head * this.D + d),
      },
      whole("attention", say.attention),
      whole("stream_1", say.stream1),
      whole("norm_2", say.norm2),
      whole("hidden", say.hidden),
      whole("active", say.active),
      whole("mlp", say.mlp),
      whole("stream_2", say.stream2),
    ]; // prettier-ignore
    const last = this.layer + 1 === this.about.config.n_layer;
    return last ? [...found, whole("final", say.final)] : found;
  }

  nextNames(): string[] {
    const names = this.packed.meta.names as Record<string, string>;
    return this.row("top", this.T - 1).map((id) => names[`${id}`]!);
  }

  nextProbabilities(): number[] {
    return this.row("top_probabilities", this.T - 1);
  }

  /** How a number of a stage is made. */
  recipe(stage: string, row: number, column: number): Recipe {
    const { config } = this.about;
    const product = (from: string, weights: string, part: string, at: number): Recipe => ({
      formula: `Σᵢ xᵢ · ${weights}[i, ${at}]`,
      terms: this.row(from, row).map((a, i) => ({ name: `x${sub(i)}`, a })),
      maths: "linear",
      weights: { part, layer: this.layer, column: at },
    });
    switch (stage) {
      case "embedding":
        return this.embeddingRecipe(row, column);
      case "before":
        return {
          formula: TEXT.flow.before, maths: "residual",
          terms: [{ name: "x", a: this.at("before", row, column) }],
        }; // prettier-ignore
      case "norm_1":
        return this.normRecipe("before", "norm_1", row, column);
      case "norm_2":
        return this.normRecipe("stream_1", "norm_2", row, column);
      case "final":
        return this.normRecipe("stream_2", "final", row, column);
      case "q":
      case "k":
      case "v": {
        const found = product("norm_1", "c_attn", "qkv", this.start(stage) + column);
        const turned = stage !== "v" && config.positions === "rotary";
        const normed = stage !== "v" && config.qk_norm !== undefined && config.qk_norm !== "none";
        const after = [normed && TEXT.flow.normed, turned && TEXT.flow.rotated].filter(Boolean);
        return { ...found, after: after.join(", ") || undefined };
      }
      case "scores":
        return this.scoreRecipe(row, column);
      case "probabilities":
        return this.softmaxRecipe(row, column);
      case "heads":
        return {
          formula: "Σₛ attention[t, s] · value[s]",
          terms: Array.from({ length: row + 1 }, (_, s) => ({
            name: `${this.rowNames[s]}`,
            a: this.probability(row, s),
            b: this.at("qkv", s, this.start("v") + column),
          })),
          maths: "attention",
        };
      case "attention":
        return { ...product("heads", "c_proj", "attention", column), after: this.branchAfter() };
      case "hidden":
        return product("norm_2", "c_fc", "hidden", column);
      case "active":
        return this.activationRecipe(row, column);
      case "mlp":
        return { ...product("active", "c_proj", "mlp", column), after: this.branchAfter() };
      case "stream_1":
        return this.sumRecipe("before", "attention", row, column);
      default:
        return this.sumRecipe("stream_1", "mlp", row, column);
    }
  }

  private branchAfter(): string | undefined {
    const { branch_norm: normed, residual_scale: scale } = this.about.config;
    const after = [normed && TEXT.flow.normed, scale !== undefined && scale !== 1 && TEXT.flow.scaled];
    return after.filter(Boolean).join(", ") || undefined;
  }

  private embeddingRecipe(row: number, column: number): Recipe {
    const { config } = this.about;
    const terms = [{ name: "wte", a: this.at("wte", row, column) }];
    if (this.packed.arrays.wpe) terms.push({ name: "wpe", a: this.at("wpe", row, column) });
    const scale = config.embedding_scale;
    const scaled = scale !== undefined && scale !== 1 && TEXT.flow.scaled;
    const after = [scaled, config.embedding_norm && TEXT.flow.normed].filter(Boolean).join(", ");
    return { formula: "wte[id] + wpe[t]", terms, maths: "embedding", after: after || undefined };
  }

  private normRecipe(from: string, part: string, row: number, column: number): Recipe {
    const { config } = this.about;
    const x = this.row(from, row);
    const centred = config.norm === "layernorm";
    const mean = centred ? x.reduce((a, b) => a + b, 0) / x.length : 0;
    const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
    const rstd = 1 / Math.sqrt(variance + config.norm_eps);
    if ((part === "final" && !config.final_norm) || (part !== "final" && config.block_norm === false)) {
      return { formula: "x", terms: [{ name: "x", a: x[column]! }], maths: "norm" };
    }
    return {
      formula: centred ? "(x − mean) · rstd · gain + bias" : "x · rstd · gain",
      terms: [{ name: centred ? "(x − mean) · rstd" : "x · rstd", a: (x[column]! - mean) * rstd }],
      maths: "norm",
      weights: { part, layer: this.layer, column },
    };
  }

  private scoreRecipe(t: number, s: number): Recipe {
    if (s > t) return { formula: TEXT.flow.masked, terms: [], maths: "attention" };
    const { config, attention_scale: scale } = this.about;
    const more = config.window || config.alibi || config.attention_softcap;
    return {
      formula: `Σ_d query[d] · key[d] · ${scale.toPrecision(4)}`,
      terms: Array.from({ length: this.D }, (_, d) => ({
        name: `d = ${d}`,
        a: this.at("qkv", t, this.start("q") + d),
        b: this.at("qkv", s, this.start("k") + d) * scale,
      })),
      maths: "attention",
      after: more ? TEXT.flow.capped : undefined,
    };
  }

  private softmaxRecipe(t: number, s: number): Recipe {
    if (s > t) return { formula: TEXT.flow.masked, terms: [], maths: "attention" };
    const scores = Array.from({ length: t + 1 }, (_, key) => this.score(t, key));
    const most = Math.max(...scores);
    const sum = scores.reduce((total, score) => total + Math.exp(score - most), 0);
    return {
      formula: "exp(score − largest) / Σ exp(score − largest)",
      terms: [{ name: `exp(${(scores[s]! - most).toPrecision(3)}) · 1/Σ`,
        a: Math.exp(scores[s]! - most), b: 1 / sum }],
      maths: "attention",
      after: this.about.config.window ? TEXT.flow.capped : undefined,
    }; // prettier-ignore
  }

  private activationRecipe(row: number, column: number): Recipe {
    const inner = this.array("active").shape[1]!;
    const gated = this.array("hidden").shape[1]! > inner;
    const terms = [{ name: gated ? "gate" : "x", a: this.at("hidden", row, column) }];
    if (gated) terms.push({ name: "value", a: this.at("hidden", row, inner + column) });
    const name = this.about.config.activation;
    return { formula: gated ? `${name}(gate, value)` : `${name}(x)`, terms, maths: "activation", after: name };
  }

  private sumRecipe(x: string, branch: string, row: number, column: number): Recipe {
    return {
      formula: "x + branch",
      terms: [
        { name: "x", a: this.at(x, row, column) },
        { name: "branch", a: this.at(branch, row, column) },
      ],
      maths: "residual",
    };
  }
}

function sub(i: number): string {
  return `${i}`.replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)]!);
}
