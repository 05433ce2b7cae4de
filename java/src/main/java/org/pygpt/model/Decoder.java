package org.pygpt.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Tape;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.NormSpec;
import org.pygpt.kernels.ScoreSpec;
import org.pygpt.ops.Attention;
import org.pygpt.ops.AttentionProbabilities;
import org.pygpt.ops.CachedAttention;
import org.pygpt.ops.Dropout;
import org.pygpt.ops.Embedding;
import org.pygpt.ops.FeedForwardActivation;
import org.pygpt.ops.HeadNorm;
import org.pygpt.ops.LastLogits;
import org.pygpt.ops.Linear;
import org.pygpt.ops.Loss;
import org.pygpt.ops.LowRank;
import org.pygpt.ops.Parameter;
import org.pygpt.ops.ResidualNorm;
import org.pygpt.ops.ResidualNorm.Branch;
import org.pygpt.ops.ResidualNorm.Norm;
import org.pygpt.ops.Rotary;
import org.pygpt.ops.Scale;
import org.pygpt.ops.ShapedLogits;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;

/**
 * Wires and plans the tape of a GPT, for B sequences of T positions and steps of at most {@code
 * rows} rows.
 *
 * <p>Blocks are pre-norm: x += attention(norm(x)), x += feedForward(norm(x)); {@link GPTConfig}
 * says which norm, activation and positions, and its {@link Variant} what is done otherwise.
 */
final class Decoder {
  /** What a tape is for. */
  enum Purpose {
    TRAINING,
    EVALUATION,
    GENERATION,
    ATTENTION,
    HIDDEN,
    PROBE,
    GRADIENTS,
    LENS
  }

  /**
   * What a tape trains, and in which dtype.
   *
   * @param gradients of the weights that are trained; empty for a tape that only runs forward
   * @param narrow dtype of what products read and of most of what they write; the residual stream,
   *     norms' statistics and the loss have the model's
   * @param products copies of the weights in that type, which products read; null to plan, and
   *     where they read the weights
   */
  record Trained(Map<String, Tensor> gradients, DType narrow, ProductWeights products) {
    /** For a tape that only runs forward. */
    static Trained nothing(DType dtype) {
      return new Trained(Map.of(), dtype, null);
    }
  }

  private final GPT model;
  private final GPTConfig config;
  private final int B;
  private final int T;
  private final int rows;
  private final Purpose purpose;
  private final Map<String, Tensor> gradients;
  private final DType narrow; // of what only products and element-wise ops read
  private final ProductWeights products;
  private final double dropout;
  private final Tape tape;
  private final Variable hidden; // what the output matrix reads
  private final Variable logits;
  private final Loss loss;
  private final List<Slot> probabilities = new ArrayList<>(); // of each layer, for ATTENTION
  private final Slot units; // null for other purposes
  private final Taps taps; // null for others than PROBE, GRADIENTS and LENS
  private final Variant variant;
  private final int C;
  private final int D;
  private int dropouts;

  /**
   * Wires and plans; {@link #session} allocates.
   *
   * @param tokens what the tape reads and scores
   * @param taps what is kept of a probe; null for other purposes
   */
  Decoder(
      GPT model,
      Purpose purpose,
      int B,
      int T,
      int rows,
      Trained trained,
      Tokens tokens,
      Taps taps) {
    this.model = model;
    this.config = model.config();
    this.variant = config.variant();
    this.C = config.nEmbd();
    this.D = config.headSize();
    this.B = B;
    this.T = T;
    this.rows = rows;
    this.purpose = purpose;
    this.taps = taps;
    this.gradients = trained.gradients;
    this.narrow = trained.narrow;
    this.products = trained.products;
    this.dropout = purpose == Purpose.TRAINING ? model.dropout() : 0;
    boolean backward = purpose == Purpose.TRAINING || purpose == Purpose.GRADIENTS;
    this.tape = new Tape(model.kernels(), model.dtype(), backward);
    int keyColumns = config.nKvHead() * D;
    this.units =
        purpose == Purpose.ATTENTION || purpose == Purpose.PROBE
            ? tape.persistent(Math.multiplyExact(2, T), keyColumns)
            : null;
    hidden = purpose == Purpose.LENS ? lens() : blocks(embedding(tokens.ids()));
    keep("final", hidden);
    if (purpose == Purpose.HIDDEN) {
      tape.keep(hidden);
    }
    logits = logits(hidden, config.tieWeights() ? "wte" : "lm_head");
    if (purpose == Purpose.GRADIENTS) {
      keep("logits", logits);
    } else if (purpose != Purpose.TRAINING) {
      tape.keep(logits);
    }
    loss = new Loss(logits, tokens.targets());
    if (scoresAll() && purpose != Purpose.LENS) {
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
    return new Session(model, products, tape, tokens, hidden, logits, loss, probabilities, taps);
  }

  /** Whether it computes the logits of every token, rather than of the last one alone. */
  private boolean scoresAll() {
    return switch (purpose) {
      case TRAINING, EVALUATION, PROBE, GRADIENTS, LENS -> true;
      case GENERATION, ATTENTION, HIDDEN -> false;
    };
  }

  /** Keeps a variable of a probe that no later op overwrites. */
  private void keep(String name, Variable x) {
    if (taps != null) {
      taps.keep(tape, name, x);
    }
  }

  /** Keeps a variable of a layer if the probe has all of it. */
  private void keep(int layer, String name, Variable x) {
    if (taps != null && taps.keepsAll(layer)) {
      taps.keep(tape, "h." + layer + "." + name, x);
    }
  }

  /** What the output matrix reads if the stream ends where it is written to from outside. */
  private Variable lens() {
    Variable stream = tape.variable(rows, C);
    taps.keep(tape, "stream", stream);
    return config.finalNorm() ? norm(stream, "ln_f", narrow) : stream;
  }

  private Variable embedding(Tensor ids) {
    Variable embedded = tape.variable(rows, C);
    Parameter wte = parameter("wte.weight");
    Parameter wpe = parameterOrNull("wpe.weight");
    tape.add(new Embedding(ids, wte, wpe, config.tieWeights(), embedded));
    if (purpose == Purpose.GRADIENTS) {
      embedded.constantIf(false); // its gradient is wanted, though no weight is trained
    }
    Variable scaled = scaled(embedded, variant.embeddingScale());
    Variable x = dropout == 0 ? scaled : dropped(scaled, null);
    return config.embeddingNorm() ? norm(x, "ln_emb", model.dtype()) : x;
  }

  /** All layers; returns what the output matrix reads. */
  private Variable blocks(Variable x) {
    Variable stream = x;
    keep("embedding", x);
    Variable read = variant.blockNorm() ? norm(stream, "h.0.ln_1", narrow) : stream;
    for (int layer = 0; layer < config.nLayer(); layer++) {
      String prefix = "h." + layer;
      boolean last = layer + 1 == config.nLayer();
      String next = variant.blockNorm() ? "h." + (layer + 1) + ".ln_1" : null;
      if (last) {
        next = config.finalNorm() ? "ln_f" : null;
      }
      keep(layer, "norm_1", read);
      if (variant.residual() == Variant.Residual.SERIAL) {
        Branch attention = attention(layer, prefix + ".attn", read);
        String second = variant.blockNorm() ? prefix + ".ln_2" : null;
        read = add(layer, false, stream, attention, second);
        stream = attention.sum();
      } else {
        // norms come first: in backward they add to the gradient that the branches read
        boolean one = variant.residual() == Variant.Residual.PARALLEL_ONE_NORM;
        boolean other = !one && variant.blockNorm();
        Variable second = other ? norm(stream, prefix + ".ln_2", narrow) : read;
        Branch attention = attention(layer, prefix + ".attn", read);
        add(layer, false, stream, attention, null);
        stream = attention.sum();
        read = second;
      }
      keep(layer, "norm_2", read);
      Branch mlp = feedForward(layer, prefix + ".mlp", read);
      read = add(layer, true, stream, mlp, next);
      stream = mlp.sum();
    }
    return read;
  }

  /** Adds a branch to the stream; returns the norm of the sum, or without a name the sum itself. */
  private Variable add(int layer, boolean isMlp, Variable stream, Branch branch, String norm) {
    if (taps != null) {
      return addInSteps(layer, isMlp, stream, branch, norm);
    }
    Norm spec = norm == null ? null : normOf(branch.sum(), norm, narrow);
    tape.add(new ResidualNorm(stream, branch, spec));
    return norm == null ? branch.sum() : spec.out();
  }

  /** The same with the same bits, where the branch and the sum can be seen and scaled. */
  private Variable addInSteps(
      int layer, boolean isMlp, Variable stream, Branch branch, String norm) {
    String prefix = "h." + layer + ".";
    if (taps.keepsAll(layer)) {
      String name = prefix + (isMlp ? "mlp" : "attention");
      taps.copy(tape, name, branch.value(), branch.bias(), rows);
    }
    tape.add(new ResidualNorm(stream, branch, null));
    taps.scaleBranch(tape, layer, isMlp, stream, branch.sum(), tape.slot(rows, C));
    keep(prefix + (isMlp ? "stream_2" : "stream_1"), branch.sum());
    return norm == null ? branch.sum() : norm(branch.sum(), norm, narrow);
  }

  private Variable norm(Variable x, String name, DType dtype) {
    Norm norm = normOf(x, name, dtype);
    tape.add(new ResidualNorm(x, null, norm));
    return norm.out();
  }

  private Norm normOf(Variable x, String name, DType dtype) {
    return new Norm(
        normSpec(),
        tape.use(x),
        parameterOrNull(name + ".weight"),
        parameterOrNull(name + ".bias"),
        tape.variable(dtype, rows, C),
        tape.slot(rows, 2));
  }

  private NormSpec normSpec() {
    return new NormSpec(config.norm() == GPTConfig.Norm.LAYERNORM, config.normEps());
  }

  private Branch attention(int layer, String name, Variable x) {
    int H = config.nHead();
    int kvHeads = config.nKvHead();
    ScoreSpec scores = scores(layer);
    Parameter bias = parameterOrNull(name + ".c_attn.bias");
    Variable qkv = linear(x, name + ".c_attn", bias, false, narrow);
    if (variant.qkNorm() != Variant.QkNorm.NONE) {
      qkv = headNorm(name, qkv);
    }
    Tensor angles = model.angles(layer);
    if (angles != null) {
      tape.add(new Rotary(qkv, H + kvHeads, D, angles));
    }
    keep(layer, "qkv", qkv);
    if (purpose == Purpose.ATTENTION || (taps != null && taps.keepsProbabilities(layer))) {
      Slot weights = tape.persistent(Math.multiplyExact(H, T), T);
      probabilities.add(weights);
      Slot mixed = tape.slot(T, H * D);
      Attention.Source read = new Attention.Packed(tape.use(qkv));
      tape.add(new AttentionProbabilities(read, H, kvHeads, true, scores, units, mixed, weights));
      if (taps != null) {
        taps.keep("h." + layer + ".probabilities", weights);
      }
    }
    Variable out = tape.variable(narrow, rows, H * D);
    if (purpose == Purpose.GENERATION) {
      tape.add(new CachedAttention(qkv, layer, H, kvHeads, scores, out));
    } else {
      Attention.Source source = new Attention.Packed(tape.use(qkv));
      Slot logsumexp = tape.slot(Math.multiplyExact(B, H), T);
      tape.add(
          new Attention(source, H, kvHeads, true, scores, dropouts++, dropout, logsumexp, out));
    }
    if (taps != null) {
      taps.scaleHeads(tape, layer, out);
    }
    keep(layer, "heads", out);
    return branch(out, name);
  }

  private ScoreSpec scores(int layer) {
    double scale = variant.attentionScale();
    if (variant.attentionScaleByLayer()) {
      scale = (scale == 0 ? 1 / Math.sqrt(D) : scale) / (layer + 1);
    }
    int window = variant.isWindowed(layer) ? variant.window() : 0;
    return new ScoreSpec(scale, variant.attentionSoftcap(), window, variant.alibi());
  }

  /** Queries and keys after their norms, beside the values. */
  private Variable headNorm(String name, Variable qkv) {
    List<HeadNorm.Part> parts = new ArrayList<>();
    addParts(parts, 0, config.nHead(), name + ".q_norm");
    addParts(parts, config.nHead(), config.nKvHead(), name + ".k_norm");
    Variable out = tape.variable(narrow, rows, qkv.columns());
    Slot statistics = tape.slot(rows, 2 * parts.size());
    tape.add(new HeadNorm(normSpec(), List.copyOf(parts), qkv, statistics, out));
    return out;
  }

  private void addParts(List<HeadNorm.Part> parts, int firstHead, int heads, String name) {
    Parameter weight = parameterOrNull(name + ".weight");
    Parameter bias = parameterOrNull(name + ".bias");
    boolean row = variant.qkNorm() == Variant.QkNorm.ROW;
    boolean shared = variant.qkNorm() == Variant.QkNorm.HEAD;
    int columns = row ? heads * D : D;
    for (int i = 0; i < (row ? 1 : heads); i++) {
      int column = (firstHead + i) * D;
      int offset = shared ? 0 : i * D;
      parts.add(new HeadNorm.Part(column, columns, weight, bias, offset, i == 0 || !shared));
    }
  }

  private Branch feedForward(int layer, String name, Variable x) {
    Variable hidden = linear(x, name + ".c_fc", null, false, narrow);
    Variable active = tape.variable(narrow, rows, config.nInner());
    Parameter bias = parameterOrNull(name + ".c_fc.bias");
    if (taps != null && taps.keepsAll(layer)) {
      taps.copy(tape, "h." + layer + ".hidden", hidden, bias, rows);
    }
    tape.add(new FeedForwardActivation(config.activation(), tape.use(hidden), bias, active));
    keep(layer, "active", active);
    return branch(active, name);
  }

  /** The projection back to the residual stream, ready to be added to it. */
  private Branch branch(Variable x, String name) {
    Parameter bias = parameterOrNull(name + ".c_proj.bias");
    boolean isPlain = !variant.branchNorm() && variant.residualScale() == 1;
    Variable out = linear(x, name + ".c_proj", isPlain ? null : bias, false, model.dtype());
    if (!isPlain) {
      bias = null;
      out = variant.branchNorm() ? norm(out, name + ".ln", model.dtype()) : out;
      out = scaled(out, variant.residualScale());
    }
    if (dropout == 0) {
      return new Branch(out, bias, tape.variable(rows, C));
    }
    return new Branch(dropped(out, bias), null, tape.variable(rows, C));
  }

  private Variable scaled(Variable x, double factor) {
    if (factor == 1) {
      return x;
    }
    Variable out = tape.variable(rows, C);
    tape.add(new Scale(factor, x, out));
    return out;
  }

  private Variable dropped(Variable x, Parameter bias) {
    Variable out = tape.variable(rows, C);
    tape.add(new Dropout(dropouts++, dropout, x, bias, out));
    return out;
  }

  private Variable logits(Variable x, String name) {
    Parameter bias = parameterOrNull("lm_head.bias");
    Variable out;
    if (scoresAll()) {
      out = linear(x, name, bias, true, narrow);
    } else {
      out = tape.variable(B, config.vocabSize());
      tape.add(new LastLogits(x, parameter(name + ".weight"), bias, tape.slot(B, C), out));
    }
    if (variant.logitScale() == 1 && variant.logitSoftcap() == 0) {
      return out;
    }
    int shapedRows = scoresAll() ? rows : B;
    Variable shaped =
        purpose == Purpose.TRAINING
            ? tape.padded(narrow, shapedRows, config.vocabSize())
            : tape.variable(narrow, shapedRows, config.vocabSize());
    tape.add(
        new ShapedLogits(variant.logitScale(), variant.logitSoftcap(), !scoresAll(), out, shaped));
    return shaped;
  }

  /** A layer whose output has this dtype. */
  private Variable linear(
      Variable x, String name, Parameter bias, boolean outputsAreRows, DType dtype) {
    Parameter weight = parameter(name + ".weight");
    int features = outputsAreRows ? weight.value().rows() : weight.value().columns();
    boolean padded = outputsAreRows && purpose == Purpose.TRAINING; // logits that only kernels read
    Variable out =
        padded ? tape.padded(dtype, rows, features) : tape.variable(dtype, rows, features);
    Linear.Rounding rounding = new Linear.Rounding(rounded(x), rounded(out));
    tape.add(new Linear(tape.use(x), weight, bias, outputsAreRows, rounding, out));
    if (model.adapter() != null) {
      for (Adapter.Part part : model.adapter().beside(name + ".weight")) {
        tape.add(lowRank(model.adapter(), part, x, out));
      }
    }
    return out;
  }

  /** What an adapter adds to a layer's output. */
  private LowRank lowRank(Adapter adapter, Adapter.Part part, Variable x, Variable out) {
    boolean isTraining = purpose == Purpose.TRAINING;
    Parameter a = adapter.parameter(part.a(), gradients);
    Parameter b = adapter.parameter(part.b(), gradients);
    int rank = a.value().rows();
    LowRank.Dropped dropped = null;
    if (isTraining && adapter.dropout() > 0) {
      DropoutMask mask = new DropoutMask(adapter.dropout());
      Slot forward = tape.slot(rows, x.columns());
      Slot backward = tape.slot(rows, x.columns());
      dropped = new LowRank.Dropped(dropouts++, mask, forward, backward);
    }
    Slot hidden = tape.slot(rows, rank);
    Slot dHidden = tape.training() ? tape.slot(rows, rank) : null;
    int rowByRow = isTraining ? 0 : model.kernels().rowsAlike();
    return new LowRank(
        tape.use(x), a, b, part.first(), adapter, dropped, hidden, dHidden, rowByRow, out);
  }

  /** Room for a copy that products read; null where they can read the variable itself. */
  private Slot rounded(Variable variable) {
    return variable.dtype() == narrow ? null : tape.slot(narrow, rows, variable.columns());
  }

  private Parameter parameter(String name) {
    return model.parameter(name, gradients, products);
  }

  private Parameter parameterOrNull(String name) {
    return model.weights().has(name) ? parameter(name) : null;
  }
}
