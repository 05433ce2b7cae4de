package org.pygpt.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import org.pygpt.backends.Backend;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Tape;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.NormSpec;
import org.pygpt.kernels.PackedMatrix;
import org.pygpt.kernels.QuantizedMatrix;
import org.pygpt.kernels.WeightFormat;
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
import org.pygpt.tensor.AvailableMemory;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;
import org.pygpt.tensor.TooLargeError;
import org.pygpt.text.Choice;

/**
 * Mutable: a GPT's weights and the way its tapes are built.
 *
 * <p>Blocks are pre-norm: x += attention(norm(x)), x += feedForward(norm(x)); {@link GPTConfig}
 * says which norm, activation and positions.
 *
 * <pre>{@code
 * GPTConfig config = GPTConfig.gpt2(256, 65, 6, 6, 384);
 * try (GPT model = GPT.create(config)) {
 *   model.initialize(1);
 *   try (Training trainer = new Training(model, 8, 256, AdamW.NANOGPT)) {
 *     trainer.setBatch(ids, targets, 8, 256);
 *     double loss = trainer.backward(8, 256);
 *     trainer.update(3e-4);
 *   }
 * }
 * }</pre>
 *
 * @see <a href="https://github.com/karpathy/nanoGPT/blob/master/model.py">nanoGPT</a>
 */
public final class GPT implements AutoCloseable {
  private final GPTConfig config;
  private final Kernels kernels;
  private final Parameters weights;
  private final Memory angles;
  private QuantizedWeights rounded;

  private GPT(GPTConfig config, Kernels kernels, DType dtype) {
    this.config = config;
    this.kernels = kernels;
    this.weights = new Parameters(config, dtype);
    this.angles = isRotary(config) ? rotaryAngles(config, dtype) : null;
  }

  private static boolean isRotary(GPTConfig config) {
    return config.positions() == GPTConfig.Positions.ROTARY;
  }

  /** Cosines, then sines, of position * theta^(-2d/D): (block_size, D). */
  private static Memory rotaryAngles(GPTConfig config, DType dtype) {
    int D = config.headSize();
    Memory angles = Memory.allocate(dtype, (long) config.blockSize() * D);
    for (int position = 0; position < config.blockSize(); position++) {
      for (int d = 0; d < D / 2; d++) {
        double angle = position * Math.pow(config.ropeTheta(), -2.0 * d / D);
        angles.set((long) position * D + d, Math.cos(angle));
        angles.set((long) position * D + D / 2 + d, Math.sin(angle));
      }
    }
    return angles;
  }

  /**
   * A model whose weights are all zero.
   *
   * @param backend {@code cpu}, {@code nd4j} or {@code plain}
   * @param dtype float32, or float64 on {@code plain}
   * @param threads of backend cpu; 0 for one a processor
   * @throws IllegalArgumentException if the backend is unknown or has no such dtype
   * @throws TooLargeError if the weights do not fit into memory
   */
  public static GPT create(GPTConfig config, String backend, DType dtype, int threads) {
    Backend chosen = Backend.of(backend);
    long angles = isRotary(config) ? (long) config.blockSize() * config.headSize() : 0;
    BigInteger count = Parameters.count(config).add(BigInteger.valueOf(angles));
    BigInteger bytes = count.multiply(BigInteger.valueOf(dtype.bytes()));
    AvailableMemory.require(bytes, "a model of these sizes");
    return new GPT(config, chosen.kernels(dtype, threads), dtype);
  }

  /**
   * A model on the backend that {@link Backend#chosen} gives, float32, on all processors; logs
   * which one it is. Its weights are all zero.
   *
   * @throws IllegalArgumentException if the property names no backend
   */
  public static GPT create(GPTConfig config) {
    GPT model = create(config, Backend.chosen().toString(), DType.FLOAT32, 0);
    System.getLogger("org.pygpt")
        .log(
            System.Logger.Level.INFO,
            "backend {0}: {1}",
            model.kernels.name(),
            model.kernels.description());
    return model;
  }

  /** Draws every weight anew; see {@link Initializer}. */
  public void initialize(long seed) {
    Initializer.initialize(config, weights, seed);
  }

  /**
   * Rounds every matrix but the position embedding, for good, so that generation reads fewer bytes
   * a token; the model cannot be trained any more. Everything computes with the rounded weights; on
   * backend cpu a smaller copy of them serves steps of few tokens, which later writes to {@link
   * #weights} do not reach.
   *
   * @param format {@code int8} or {@code bfloat16}
   * @throws IllegalArgumentException if there is no such format, or a weight is not finite
   * @throws IllegalStateException if the weights are rounded already
   * @throws TooLargeError if the copy does not fit into memory; the weights are as they were, as in
   *     the other cases
   * @see QuantizedMatrix
   */
  public void quantize(String format) {
    WeightFormat chosen = Choice.of("weights", WeightFormat.class, format);
    if (rounded != null) {
      throw new IllegalStateException(
          "weights: expected them as they were trained, got "
              + rounded.format()
              + "; load the model again to round it otherwise");
    }
    rounded = new QuantizedWeights(chosen, config, weights, kernels);
  }

  /**
   * Passes if the weights may be trained.
   *
   * @throws IllegalStateException if they are rounded
   */
  public void requireTrainable() {
    if (rounded != null) {
      throw new IllegalStateException(
          "weights: expected float32 to train them, got "
              + rounded.format()
              + "; load the model again without rounding it");
    }
  }

  public GPTConfig config() {
    return config;
  }

  public DType dtype() {
    return weights.memory().dtype();
  }

  public Kernels kernels() {
    return kernels;
  }

  /** The weights by name, shared: writing to them changes the model. */
  public Parameters weights() {
    return weights;
  }

  /** Mutable: a tape with the memory that it reads its tokens from. */
  public static final class Program implements AutoCloseable {
    private final Tape tape;
    private final Memory tokens;
    private final Tensor ids;
    private final Tensor targets;
    private final Variable logits;
    private final Loss loss;
    private final List<Slot> probabilities;

    private Program(
        Tape tape, Memory tokens, Variable logits, Loss loss, List<Slot> probabilities) {
      int rows = Math.toIntExact(tokens.length() / 2);
      this.tape = tape;
      this.tokens = tokens;
      this.ids = Tensor.of(tokens, 0, rows, 1);
      this.targets = Tensor.of(tokens, rows, rows, 1);
      this.logits = logits;
      this.loss = loss;
      this.probabilities = probabilities;
    }

    public Tape tape() {
      return tape;
    }

    /** Token ids, int32 (B * T, 1), to be written before a step. */
    public Tensor ids() {
      return ids;
    }

    /** Targets, int32 (B * T, 1), to be written before a step; a negative one is not scored. */
    public Tensor targets() {
      return targets;
    }

    /**
     * Logits (B * T, V) after a forward, (B, V) while generating; while training, their gradient
     * instead.
     */
    public Tensor logits() {
      return logits.value();
    }

    /** Loss of the last forward, in nats. */
    public double loss() {
      return loss.value();
    }

    /** Copies the first {@code length} positions of cache {@code from} to cache {@code to}. */
    public void copyCache(int from, int to, int length) {
      for (Op op : tape.ops()) {
        if (op instanceof CachedAttention attention) {
          attention.copyCache(tape.kernels(), from, to, length);
        }
      }
    }

    /**
     * Attention probabilities of a layer after a forward of {@link GPT#attention}: (H * T, T), row
     * h * T + t is how query t of head h weighs the keys.
     */
    public Tensor probabilities(int layer) {
      return probabilities.get(layer).tensor();
    }

    /** Copies {@code count} numbers to the first rows of {@link #ids} or {@link #targets}. */
    public static void copy(int[] from, int start, Tensor to, int count) {
      MemorySegment segment = to.memory().segment();
      MemorySegment.copy(from, start, segment, ValueLayout.JAVA_INT, to.offset() * 4, count);
    }

    /**
     * Checks the tokens that the next step reads.
     *
     * @throws IllegalArgumentException if an id is outside [0, V), or a target is V or more
     */
    public void check(Step step) {
      int V = logits.columns();
      MemorySegment segment = tokens.segment();
      for (int row = 0; row < step.rows(); row++) {
        int id = segment.getAtIndex(ValueLayout.JAVA_INT, ids.at(row));
        int target = segment.getAtIndex(ValueLayout.JAVA_INT, targets.at(row));
        if (id < 0 || id >= V || target >= V) {
          boolean idIsWrong = id < 0 || id >= V;
          throw new IllegalArgumentException(
              String.format(
                  "%s: expected %d to %d (vocab_size - 1), got %d in sequence %d at position %d",
                  idIsWrong ? "ids" : "targets",
                  idIsWrong ? 0 : -1,
                  V - 1,
                  idIsWrong ? id : target,
                  row / step.T(),
                  row % step.T()));
        }
      }
    }

    @Override
    public void close() {
      tape.close();
      tokens.close();
    }
  }

  /** What a tape is for. */
  private enum Purpose {
    TRAINING,
    EVALUATION,
    GENERATION,
    ATTENTION
  }

  /**
   * Builds a tape for at most (B, T) tokens that runs forward and backward.
   *
   * @throws TooLargeError if its activations do not fit into memory, as in those below
   * @throws IllegalStateException if the weights are rounded
   */
  public Program training(int B, int T, Parameters gradients) {
    requireTrainable();
    return program(B, T, Purpose.TRAINING, gradients);
  }

  /** Builds a tape for at most (B, T) tokens that computes logits and loss. */
  public Program evaluation(int B, int T) {
    return program(B, T, Purpose.EVALUATION, null);
  }

  /**
   * Builds a tape with key/value caches for B sequences of at most T tokens. A step takes one token
   * of each, or at most {@code longest} of one; it computes the logits of the last token of each.
   */
  public Program generation(int B, int longest, int T) {
    BigInteger bytes = BigInteger.valueOf(B).multiply(BigInteger.valueOf(cacheBytes(T)));
    AvailableMemory.require(bytes, "a key/value cache of " + B + " x " + T + " tokens");
    return program(B, T, Math.max(B, longest), Purpose.GENERATION, null);
  }

  /** Size in bytes of the key/value cache of one sequence of T tokens. */
  public long cacheBytes(int T) {
    long width = (long) config.nKvHead() * config.headSize();
    return 2L * config.nLayer() * width * T * dtype().bytes();
  }

  /**
   * Builds a tape for one sequence of T tokens that writes out the attention probabilities of every
   * layer; it computes the logits of the last token.
   */
  public Program attention(int T) {
    return program(1, T, Purpose.ATTENTION, null);
  }

  private Program program(int B, int T, Purpose purpose, Parameters gradients) {
    return program(B, T, Math.multiplyExact(B, T), purpose, gradients);
  }

  private Program program(int B, int T, int rows, Purpose purpose, Parameters gradients) {
    String what = Choice.name(purpose) + " on batches of " + B + " x " + T + " tokens";
    long count = 2L * rows; // ids and targets
    long embedded = (long) rows * config.nEmbd(); // not all there is, but before anything is there
    BigInteger least = BigInteger.valueOf(embedded).multiply(BigInteger.valueOf(dtype().bytes()));
    AvailableMemory.require(least.add(BigInteger.valueOf(count * DType.INT32.bytes())), what);
    Memory tokens = Memory.allocate(DType.INT32, count);
    Builder builder = new Builder(B, T, rows, purpose, gradients, tokens);
    AvailableMemory.require(BigInteger.valueOf(builder.tape.byteSize()), what);
    builder.tape.allocate();
    return new Program(builder.tape, tokens, builder.logits, builder.loss, builder.probabilities);
  }

  /** Size in bytes of the activations of a training step, without allocating them. */
  public long activationBytes(int B, int T) {
    return plan(B, T, Purpose.TRAINING).byteSize();
  }

  /** Size in bytes of the activations of an evaluation, without allocating them. */
  public long evaluationBytes(int B, int T) {
    return plan(B, T, Purpose.EVALUATION).byteSize();
  }

  /** The ops of a training step, first to last, as text. */
  public List<String> describeOps(int B, int T) {
    return plan(B, T, Purpose.TRAINING).ops().stream().map(Op::describe).toList();
  }

  private Tape plan(int B, int T, Purpose purpose) {
    try (Memory tokens = Memory.allocate(DType.INT32, 2)) { // planning reads none
      int rows = Math.multiplyExact(B, T);
      return new Builder(B, T, rows, purpose, null, tokens).tape;
    }
  }

  /** Wires and plans one tape for B sequences of T positions, and steps of so many rows. */
  private final class Builder {
    private final int B;
    private final int T;
    private final int rows;
    private final Purpose purpose;
    private final Parameters gradients;
    private final double dropout;
    private final Tape tape;
    private final Variable logits;
    private final Loss loss;
    private final List<Slot> probabilities = new ArrayList<>(); // of each layer, for ATTENTION
    private final Slot units; // null for other purposes
    private final int C = config.nEmbd();
    private int dropouts;

    Builder(int B, int T, int rows, Purpose purpose, Parameters gradients, Memory tokens) {
      this.B = B;
      this.T = T;
      this.rows = rows;
      this.purpose = purpose;
      this.gradients = gradients;
      this.dropout = purpose == Purpose.TRAINING ? config.dropout() : 0;
      this.tape = new Tape(kernels, dtype(), purpose == Purpose.TRAINING);
      int keyColumns = config.nKvHead() * config.headSize();
      this.units =
          purpose == Purpose.ATTENTION
              ? tape.persistent(Math.multiplyExact(2, T), keyColumns)
              : null;
      int count = Math.toIntExact(tokens.length() / 2);
      Variable x = embedding(Tensor.of(tokens, 0, count, 1));
      logits = logits(blocks(x), config.tieWeights() ? "wte" : "lm_head");
      if (purpose != Purpose.TRAINING) {
        tape.keep(logits);
      }
      loss = new Loss(logits, Tensor.of(tokens, count, count, 1));
      if (scoresAll()) {
        tape.add(loss);
      }
      tape.plan();
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
        ResidualNorm.Branch attention = attention(prefix + ".attn", normed);
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

    private ResidualNorm.Branch attention(String name, Variable x) {
      int H = config.nHead();
      int kvHeads = config.nKvHead();
      Parameter bias = parameterOrNull(name + ".c_attn.bias");
      Variable qkv = linear(x, name + ".c_attn", bias, false);
      if (angles != null) {
        Tensor table = Tensor.of(angles, 0, config.blockSize(), config.headSize());
        tape.add(new Rotary(qkv, H + kvHeads, table));
      }
      if (purpose == Purpose.ATTENTION) {
        Slot layer = tape.persistent(Math.multiplyExact(H, T), T);
        probabilities.add(layer);
        Slot mixed = tape.slot(T, C);
        tape.add(new AttentionProbabilities(qkv, H, kvHeads, units, mixed, layer));
      }
      Variable out = tape.variable(rows, C);
      if (purpose == Purpose.GENERATION) {
        Slot keys = tape.persistent(Math.multiplyExact(B, T), kvHeads * config.headSize());
        Slot values = tape.persistent(Math.multiplyExact(B, T), kvHeads * config.headSize());
        tape.add(new CachedAttention(qkv, T, H, kvHeads, keys, values, out));
      } else {
        Slot logSums = tape.slot(Math.multiplyExact(B, H), T);
        tape.add(new Attention(tape.use(qkv), H, kvHeads, dropouts++, dropout, logSums, out));
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
      Tensor gradient = gradients == null ? null : gradients.get(name);
      PackedMatrix packed = rounded == null ? null : rounded.packed(name);
      return new Parameter(name, weights.get(name), gradient, packed);
    }

    private Parameter parameterOrNull(String name) {
      return weights.has(name) ? parameter(name) : null;
    }
  }

  @Override
  public void close() {
    weights.close();
    if (angles != null) {
      angles.close();
    }
    if (rounded != null) {
      rounded.close();
    }
    kernels.close();
  }
}
