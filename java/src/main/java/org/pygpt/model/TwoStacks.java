package org.pygpt.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.SourceOp;
import org.pygpt.graph.Tape;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.NormSpec;
import org.pygpt.kernels.ScoreSpec;
import org.pygpt.model.EncoderDecoderConfig.NormOrder;
import org.pygpt.model.EncoderDecoderConfig.Positions;
import org.pygpt.ops.Attention;
import org.pygpt.ops.AttentionProbabilities;
import org.pygpt.ops.CachedAttention;
import org.pygpt.ops.CachedCrossAttention;
import org.pygpt.ops.Dropout;
import org.pygpt.ops.Embedding;
import org.pygpt.ops.FeedForwardActivation;
import org.pygpt.ops.LastLogits;
import org.pygpt.ops.Linear;
import org.pygpt.ops.Loss;
import org.pygpt.ops.Parameter;
import org.pygpt.ops.ResidualNorm;
import org.pygpt.ops.ResidualNorm.Branch;
import org.pygpt.ops.ResidualNorm.Norm;
import org.pygpt.ops.Rotary;
import org.pygpt.ops.Scale;
import org.pygpt.tensor.Tensor;

/**
 * Wires and plans the tape of an encoder–decoder transformer, for B pairs of a source of S
 * positions and a target of T. Ops of the encoder are {@link SourceOp}s, but where it runs alone.
 *
 * <p>A block's parts are attention to its own sequence, in the decoder attention to what the
 * encoder made of the source, and a feed-forward layer. Pre-norm: x += part(norm(x)). Post-norm: x
 * = norm(x + part(x)).
 */
final class TwoStacks {
  /** What a tape is for. */
  enum Purpose {
    TRAINING,
    EVALUATION,
    ATTENTION,
    ENCODING,
    GENERATION
  }

  /** Which stack an op belongs to. */
  private enum Stack {
    ENCODER,
    DECODER;

    String prefix() {
      return this == ENCODER ? "encoder" : "decoder";
    }
  }

  private final EncoderDecoder model;
  private final EncoderDecoderConfig config;
  private final Purpose purpose;
  private final int B;
  private final int S;
  private final int T;
  private final Map<String, Tensor> gradients;
  private final Tokens sources;
  private final Tokens targets;
  private final int C;
  private final int H;
  private final boolean pre;
  private final double dropout;
  private final Tape tape;
  private final List<Variable> sourceKeysAndValues = new ArrayList<>(); // of each layer
  private final PairSession.Maps maps = new PairSession.Maps();
  private Slot sourceUnits; // what attention probabilities are asked with, of S keys
  private Slot targetUnits; // likewise, of T keys
  private Stack stack; // the one that is being wired
  private Variable logits;
  private Loss loss;
  private int dropouts;

  /**
   * Wires and plans; {@link #session} allocates.
   *
   * @param gradients of the weights that are trained; empty for a tape that only runs forward
   */
  TwoStacks(
      EncoderDecoder model,
      Purpose purpose,
      int B,
      int S,
      int T,
      Map<String, Tensor> gradients,
      Tokens sources,
      Tokens targets) {
    this.model = model;
    this.config = model.config();
    this.purpose = purpose;
    this.B = B;
    this.S = S;
    this.T = T;
    this.gradients = gradients;
    this.sources = sources;
    this.targets = targets;
    C = config.nEmbd();
    H = config.nHead();
    pre = config.normOrder() == NormOrder.PRE;
    dropout = purpose == Purpose.TRAINING ? config.dropout() : 0;
    tape = new Tape(model.kernels(), model.dtype(), purpose == Purpose.TRAINING);
    if (purpose == Purpose.ATTENTION) {
      sourceUnits = tape.persistent(Math.multiplyExact(2, S), C);
      targetUnits = tape.persistent(Math.multiplyExact(2, T), C);
    }
    Variable read = purpose == Purpose.GENERATION ? null : encoder();
    if (purpose == Purpose.ENCODING) {
      for (int layer = 0; layer < config.nDecoderLayer(); layer++) {
        Variable both = linear(read, "decoder.h." + layer + ".cross.c_kv", true);
        tape.keep(both);
        sourceKeysAndValues.add(both);
      }
    } else {
      decoder(read);
    }
    tape.plan();
  }

  /** The planned tape. */
  Tape tape() {
    return tape;
  }

  /** Allocates the tape; the session owns it, and the tokens. */
  PairSession session() {
    tape.allocate();
    return new PairSession(model, tape, sources, targets, logits, loss, sourceKeysAndValues, maps);
  }

  private void add(Op op) {
    boolean alone = purpose == Purpose.ENCODING;
    tape.add(stack == Stack.ENCODER && !alone ? new SourceOp(op) : op);
  }

  private int length() {
    return stack == Stack.ENCODER ? S : T;
  }

  private Variable variable(int columns) {
    return tape.variable(Math.multiplyExact(B, length()), columns);
  }

  // ---- the stacks ------------------------------------------------------------------------------

  private Variable encoder() {
    stack = Stack.ENCODER;
    return blocks(embedding(sources.ids()), config.nEncoderLayer(), null);
  }

  private void decoder(Variable source) {
    stack = Stack.DECODER;
    Variable read = blocks(embedding(targets.ids()), config.nDecoderLayer(), source);
    Parameter output =
        parameter(config.tieWeights() ? "decoder.wte.weight" : "decoder.lm_head.weight");
    boolean all = purpose == Purpose.TRAINING || purpose == Purpose.EVALUATION;
    if (all) {
      logits = variable(config.targetVocabSize());
      add(new Linear(tape.use(read), output, null, true, logits));
    } else {
      logits = tape.variable(B, config.targetVocabSize());
      add(new LastLogits(read, output, null, tape.slot(B, C), logits));
    }
    if (purpose != Purpose.TRAINING) {
      tape.keep(logits);
    }
    loss = new Loss(logits, targets.targets());
    if (all) {
      add(loss);
    }
  }

  private Variable embedding(Tensor ids) {
    String prefix = stack.prefix();
    Parameter wte = parameter(prefix + ".wte.weight");
    boolean learned = config.positions() == Positions.LEARNED;
    Parameter wpe = learned ? parameter(prefix + ".wpe.weight") : model.sines();
    Variable embedded = variable(C);
    boolean tied = stack == Stack.DECODER && config.tieWeights();
    add(new Embedding(ids, wte, wpe, tied, embedded));
    if (config.scaleEmbedding()) {
      Variable scaled = variable(C);
      add(new Scale(model.embeddingScale(), embedded, scaled));
      embedded = scaled;
    }
    return dropout == 0 ? embedded : dropped(embedded, null);
  }

  /** All blocks of a stack; {@code source} is what the encoder made, for the decoder. */
  private Variable blocks(Variable x, int layers, Variable source) {
    int parts = stack == Stack.ENCODER ? 2 : 3;
    int last = layers * parts - 1;
    String end = config.finalNorm() ? stack.prefix() + ".ln_f" : null;
    Variable stream = x;
    Variable read = pre ? norm(x, normName(0, parts)) : x;
    for (int part = 0; part <= last; part++) {
      Branch branch = part(part, parts, read, source);
      String norm = pre && part == last ? end : normName(pre ? part + 1 : part, parts);
      read = add(stream, branch, norm);
      stream = pre ? branch.sum() : read;
    }
    return pre || end == null ? read : norm(read, end);
  }

  private String normName(int part, int parts) {
    return stack.prefix() + ".h." + part / parts + ".ln_" + (part % parts + 1);
  }

  private Branch part(int part, int parts, Variable read, Variable source) {
    int layer = part / parts;
    String prefix = stack.prefix() + ".h." + layer;
    if (part % parts == parts - 1) {
      return feedForward(prefix + ".mlp", read);
    }
    return part % parts == 0
        ? selfAttention(layer, prefix + ".attn", read)
        : crossAttention(layer, prefix + ".cross", read, source);
  }

  // ---- parts of a block ------------------------------------------------------------------------

  private Branch selfAttention(int layer, String name, Variable x) {
    Variable qkv = linear(x, name + ".c_attn", true);
    if (model.angles() != null) {
      add(new Rotary(qkv, 2 * H, config.headSize(), model.angles()));
    }
    Variable out = variable(C);
    if (purpose == Purpose.GENERATION) {
      add(new CachedAttention(qkv, layer, H, H, ScoreSpec.PLAIN, out));
    } else {
      boolean causal = stack == Stack.DECODER;
      List<Slot> into = causal ? maps.decoder() : maps.encoder();
      Slot units = causal ? targetUnits : sourceUnits;
      attention(new Attention.Packed(tape.use(qkv)), causal, units, into, out);
    }
    return branch(out, name);
  }

  private Branch crossAttention(int layer, String name, Variable x, Variable source) {
    Variable q = linear(x, name + ".c_q", true);
    Variable out = variable(C);
    if (purpose == Purpose.GENERATION) {
      add(new CachedCrossAttention(q, layer, H, out));
    } else {
      stack = Stack.ENCODER; // keys and values have the source's rows
      Variable both = linear(source, name + ".c_kv", true);
      stack = Stack.DECODER;
      Attention.Source read = new Attention.Cross(tape.use(q), tape.use(both));
      attention(read, false, sourceUnits, maps.cross(), out);
    }
    return branch(out, name);
  }

  private void attention(
      Attention.Source source, boolean causal, Slot units, List<Slot> into, Variable out) {
    if (purpose == Purpose.ATTENTION) {
      Slot weights = tape.persistent(Math.multiplyExact(H, length()), units.rows() / 2);
      Slot mixed = tape.slot(length(), C);
      into.add(weights);
      add(new AttentionProbabilities(source, H, H, causal, ScoreSpec.PLAIN, units, mixed, weights));
    }
    Slot logsumexp = tape.slot(Math.multiplyExact(B, H), length());
    add(new Attention(source, H, H, causal, dropouts++, dropout, logsumexp, out));
  }

  private Branch feedForward(String name, Variable x) {
    Variable hidden = linear(x, name + ".c_fc", false);
    Variable active = variable(config.nInner());
    Parameter bias = parameterOrNull(name + ".c_fc.bias");
    add(new FeedForwardActivation(config.activation(), tape.use(hidden), bias, active));
    return branch(active, name);
  }

  /** The projection back to the residual stream, ready to be added to it. */
  private Branch branch(Variable x, String name) {
    Variable out = linear(x, name + ".c_proj", false);
    Parameter bias = parameterOrNull(name + ".c_proj.bias");
    return dropout == 0
        ? new Branch(out, bias, variable(C))
        : new Branch(dropped(out, bias), null, variable(C));
  }

  private Variable dropped(Variable x, Parameter bias) {
    Variable out = variable(C);
    add(new Dropout(dropouts++, dropout, x, bias, out));
    return out;
  }

  /** Adds a branch to the stream; returns the norm of the sum, or without a name the sum itself. */
  private Variable add(Variable stream, Branch branch, String norm) {
    Norm spec = norm == null ? null : normOf(branch.sum(), norm);
    add(new ResidualNorm(stream, branch, spec));
    return norm == null ? branch.sum() : spec.out();
  }

  private Variable norm(Variable x, String name) {
    Norm norm = normOf(x, name);
    add(new ResidualNorm(x, null, norm));
    return norm.out();
  }

  private Norm normOf(Variable x, String name) {
    boolean centred = config.norm() == GPTConfig.Norm.LAYERNORM;
    return new Norm(
        new NormSpec(centred, config.normEps()),
        tape.use(x),
        parameter(name + ".weight"),
        parameterOrNull(name + ".bias"),
        variable(C),
        tape.slot(Math.multiplyExact(B, length()), 2));
  }

  /** A product; an op that follows adds the bias where this one does not. */
  private Variable linear(Variable x, String name, boolean addsBias) {
    Parameter weight = parameter(name + ".weight");
    Parameter bias = addsBias ? parameterOrNull(name + ".bias") : null;
    Variable out = variable(weight.value().columns());
    add(new Linear(tape.use(x), weight, bias, false, out));
    return out;
  }

  private Parameter parameter(String name) {
    return new Parameter(name, model.weights().get(name), gradients.get(name), null);
  }

  private Parameter parameterOrNull(String name) {
    return model.weights().has(name) ? parameter(name) : null;
  }
}
