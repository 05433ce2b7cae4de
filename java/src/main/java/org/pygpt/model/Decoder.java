package org.pygpt.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Tape;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.NormSpec;
import org.pygpt.ops.Attention;
import org.pygpt.ops.AttentionProbabilities;
import org.pygpt.ops.CachedAttention;
import org.pygpt.ops.Dropout;
import org.pygpt.ops.Embedding;
import org.pygpt.ops.FeedForwardActivation;
import org.pygpt.ops.LastLogits;
import org.pygpt.ops.Linear;
import org.pygpt.ops.Loss;
import org.pygpt.ops.Parameter;
import org.pygpt.ops.ResidualNorm;
import org.pygpt.ops.Rotary;
import org.pygpt.tensor.Tensor;

/**
 * Wires and plans the tape of a GPT, for B sequences of T positions and steps of at most {@code
 * rows} rows.
 *
 * <p>Blocks are pre-norm: x += attention(norm(x)), x += feedForward(norm(x)); {@link GPTConfig}
 * says which norm, activation and positions.
 */
final class Decoder {
  /** What a tape is for. */
  enum Purpose {
    TRAINING,
    EVALUATION,
    GENERATION,
    ATTENTION,
    HIDDEN
  }

  private final GPT model;
  private final GPTConfig config;
  private final int B;
  private final int T;
  private final int rows;
  private final Purpose purpose;
  private final Map<String, Tensor> gradients;
  private final double dropout;
  private final Tape tape;
  private final Variable hidden; // what the output matrix reads
  private final Variable logits;
  private final Loss loss;
  private final List<Slot> probabilities = new ArrayList<>(); // of each layer, for ATTENTION
  private final Slot units; // null for other purposes
  private final int C;
  private int dropouts;

  /**
   * Wires and plans; {@link #session} allocates.
   *
   * @param gradients of the weights that are trained; empty for a tape that only runs forward
   * @param tokens what the tape reads and scores
   */
  Decoder(
      GPT model,
      Purpose purpose,
      int B,
      int T,
      int rows,
      Map<String, Tensor> gradients,
      Tokens tokens) {
    this.model = model;
    this.config = model.config();
    this.C = config.nEmbd();
    this.B = B;
    this.T = T;
    this.rows = rows;
    this.purpose = purpose;
    this.gradients = gradients;
    this.dropout = purpose == Purpose.TRAINING ? config.dropout() : 0;
    this.tape = new Tape(model.kernels(), model.dtype(), purpose == Purpose.TRAINING);
    int keyColumns = config.nKvHead() * config.headSize();
    this.units =
        purpose == Purpose.ATTENTION ? tape.persistent(Math.multiplyExact(2, T), keyColumns) : null;
    Variable x = embedding(tokens.ids());
    hidden = blocks(x);
    if (purpose == Purpose.HIDDEN) {
      tape.keep(hidden);
    }
    logits = logits(hidden, config.tieWeights() ? "wte" : "lm_head");
    if (purpose != Purpose.TRAINING) {
      tape.keep(logits);
    }
    loss = new Loss(logits, tokens.targets());
    if (scoresAll()) {
      tape.add(loss);
    }
    tape.plan();
  }

  /** The planned tape. */
  Tape tape() {
    return tape;
  }

  /** Allocates the tape; the session owns it, and the tokens. */
  Session session(Tokens tokens) {
    tape.allocate();
    return new Session(model, tape, tokens, hidden, logits, loss, probabilities);
  }

  /** Whether it computes the logits of every token, rather than of the last one alone. */
  private boolean scoresAll() {
    return purpose == Purpose.TRAINING || purpose == Purpose.EVALUATION;
  }

  private Variable embedding(Tensor ids) {
    Variable embedded = tape.variable(rows, C);
    Parameter wte = parameter("wte.weight");
    Parameter wpe = parameterOrNull("wpe.weight");
    tape.add(new Embedding(ids, wte, wpe, config.tieWeights(), embedded));
    Variable x = dropout == 0 ? embedded : dropped(embedded, null);
    return config.embeddingNorm() ? residualNorm(x, null, "ln_emb") : x;
  }

  /** All layers; returns what the output matrix reads. */
  private Variable blocks(Variable x) {
    Variable stream = x;
    Variable normed = residualNorm(stream, null, "h.0.ln_1");
    for (int layer = 0; layer < config.nLayer(); layer++) {
      String prefix = "h." + layer;
      ResidualNorm.Branch attention = attention(layer, prefix + ".attn", normed);
      normed = residualNorm(stream, attention, prefix + ".ln_2");
      ResidualNorm.Branch mlp = feedForward(prefix + ".mlp", normed);
      boolean last = layer + 1 == config.nLayer();
      String next = last ? "ln_f" : "h." + (layer + 1) + ".ln_1";
      stream = attention.sum();
      normed = residualNorm(stream, mlp, last && !config.finalNorm() ? null : next);
      stream = mlp.sum();
    }
    return config.finalNorm() ? normed : stream;
  }

  /** Adds a residual sum, a norm or both; returns the norm's output, or null without a norm. */
  private Variable residualNorm(Variable x, ResidualNorm.Branch branch, String name) {
    Variable sum = branch == null ? x : branch.sum();
    ResidualNorm.Norm norm = null;
    if (name != null) {
      NormSpec spec = new NormSpec(config.norm() == GPTConfig.Norm.LAYERNORM, config.normEps());
      norm =
          new ResidualNorm.Norm(
              spec,
              tape.use(sum),
              parameterOrNull(name + ".weight"),
              parameterOrNull(name + ".bias"),
              tape.variable(rows, C),
              tape.slot(rows, 2));
    }
    tape.add(new ResidualNorm(x, branch, norm));
    return norm == null ? null : norm.out();
  }

  private ResidualNorm.Branch attention(int layer, String name, Variable x) {
    int H = config.nHead();
    int kvHeads = config.nKvHead();
    Parameter bias = parameterOrNull(name + ".c_attn.bias");
    Variable qkv = linear(x, name + ".c_attn", bias, false);
    if (model.angles() != null) {
      tape.add(new Rotary(qkv, H + kvHeads, model.angles()));
    }
    if (purpose == Purpose.ATTENTION) {
      Slot weights = tape.persistent(Math.multiplyExact(H, T), T);
      probabilities.add(weights);
      Slot mixed = tape.slot(T, C);
      tape.add(new AttentionProbabilities(qkv, H, kvHeads, units, mixed, weights));
    }
    Variable out = tape.variable(rows, C);
    if (purpose == Purpose.GENERATION) {
      tape.add(new CachedAttention(qkv, layer, H, kvHeads, out));
    } else {
      Attention.Source source = new Attention.Packed(tape.use(qkv));
      Slot logsumexp = tape.slot(Math.multiplyExact(B, H), T);
      tape.add(new Attention(source, H, kvHeads, true, dropouts++, dropout, logsumexp, out));
    }
    return branch(out, name);
  }

  private ResidualNorm.Branch feedForward(String name, Variable x) {
    Variable hidden = linear(x, name + ".c_fc", null, false);
    Variable active = tape.variable(rows, config.nInner());
    Parameter bias = parameterOrNull(name + ".c_fc.bias");
    tape.add(new FeedForwardActivation(config.activation(), tape.use(hidden), bias, active));
    return branch(active, name);
  }

  /** The projection back to the residual stream, ready to be added to it. */
  private ResidualNorm.Branch branch(Variable x, String name) {
    Variable out = linear(x, name + ".c_proj", null, false);
    Parameter bias = parameterOrNull(name + ".c_proj.bias");
    if (dropout == 0) {
      return new ResidualNorm.Branch(out, bias, tape.variable(rows, C));
    }
    return new ResidualNorm.Branch(dropped(out, bias), null, tape.variable(rows, C));
  }

  private Variable dropped(Variable x, Parameter bias) {
    Variable out = tape.variable(rows, C);
    tape.add(new Dropout(dropouts++, dropout, x, bias, out));
    return out;
  }

  private Variable logits(Variable x, String name) {
    if (scoresAll()) {
      return linear(x, name, null, true);
    }
    Variable out = tape.variable(B, config.vocabSize());
    tape.add(new LastLogits(x, parameter(name + ".weight"), tape.slot(B, C), out));
    return out;
  }

  private Variable linear(Variable x, String name, Parameter bias, boolean outputsAreRows) {
    Parameter weight = parameter(name + ".weight");
    int features = outputsAreRows ? weight.value().rows() : weight.value().columns();
    Variable out = tape.variable(rows, features);
    tape.add(new Linear(tape.use(x), weight, bias, outputsAreRows, out));
    return out;
  }

  private Parameter parameter(String name) {
    return model.parameter(name, gradients);
  }

  private Parameter parameterOrNull(String name) {
    return model.weights().has(name) ? parameter(name) : null;
  }
}
