package org.pygpt.model;

import java.math.BigInteger;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.pygpt.backends.AutoBackend;
import org.pygpt.backends.Backend;
import org.pygpt.backends.BackendProvider;
import org.pygpt.backends.MissingBackendException;
import org.pygpt.graph.Op;
import org.pygpt.graph.Tape;
import org.pygpt.kernels.Int8Heads;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.PackedMatrix;
import org.pygpt.kernels.QuantizedMatrix;
import org.pygpt.kernels.WeightFormat;
import org.pygpt.ops.Parameter;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.SpareMemory;
import org.pygpt.tensor.Tensor;
import org.pygpt.tensor.TooLargeError;
import org.pygpt.text.Choice;

/**
 * Mutable: a GPT's weights and the way its tapes are built.
 *
 * <p>Any thread may use it, its {@link org.pygpt.train.Training trainings} and its {@link
 * org.pygpt.generate.Generator generators}: their calls take turns, in the order in which they
 * came. {@link #close} waits for its turn too; calls that come later throw IllegalStateException. A
 * {@link Session}, and the batch that a training was given, are for one thread, or for a block of
 * {@link #turn}.
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
public final class GPT implements Trainable, AutoCloseable {
  /**
   * What is kept of the memory of a generation for the next one: so much of key/value caches, three
   * of 1,024 tokens of a GPT-2, and activations if they take no more.
   */
  public static final long SPARE_BYTES = 256L << 20;

  private final GPTConfig config;
  private final Kernels kernels;
  private final Parameters weights;
  private final RotaryAngles angles; // null for other positions
  private final SpareMemory cacheMemory;
  private volatile QuantizedWeights rounded;
  private volatile Adapter adapter; // null for none
  private volatile double dropout; // of trainings that are made
  private volatile DType cacheDType;
  private volatile long version;
  private volatile long wiring;
  private final Turns turns = new Turns();

  /** A block of code in which no other thread uses a model. */
  public interface Turn extends AutoCloseable {
    @Override
    void close();
  }

  private GPT(GPTConfig config, Kernels kernels, DType dtype) {
    this.config = config;
    this.kernels = kernels;
    this.weights = new Parameters(kernels.device(), Layout.of(config), dtype);
    kernels.expect(weights.count());
    this.cacheDType = dtype;
    this.cacheMemory = new SpareMemory(kernels.device(), SPARE_BYTES);
    this.dropout = config.dropout();
    this.angles =
        config.positions() == GPTConfig.Positions.ROTARY
            ? new RotaryAngles(kernels.device(), dtype, config)
            : null;
  }

  /**
   * A model whose weights are all zero.
   *
   * @param backend {@code cpu}, {@code nd4j}, {@code plain}, {@code cuda}, that of a {@link
   *     BackendProvider}, or {@code auto}, which {@link AutoBackend} resolves
   * @param dtype float32, or float64 on {@code plain}
   * @param threads of backend cpu; 0 for one a processor
   * @throws IllegalArgumentException if the backend is unknown or has no such dtype
   * @throws MissingBackendException if what the backend needs is not there
   * @throws TooLargeError if the weights do not fit into memory
   */
  public static GPT create(GPTConfig config, String backend, DType dtype, int threads) {
    BigInteger weights = LayoutTable.of(config).count();
    BackendProvider chosen = Backend.named(AutoBackend.resolve(backend, weights));
    BigInteger angles = BigInteger.valueOf(RotaryAngles.size(config));
    BigInteger count = weights.add(angles);
    BigInteger bytes = count.multiply(BigInteger.valueOf(dtype.bytes()));
    Kernels kernels = chosen.kernels(dtype, threads);
    kernels.device().require(bytes, "a model of these sizes");
    return new GPT(config, kernels, dtype);
  }

  /**
   * A model on the backend that {@link Backend#chosen} gives, float32, on all processors; logs
   * which one it is. Its weights are all zero.
   *
   * @throws IllegalArgumentException if the property names no backend
   */
  public static GPT create(GPTConfig config) {
    GPT model = create(config, Backend.chosen().backend(), DType.FLOAT32, 0);
    System.getLogger("org.pygpt")
        .log(
            System.Logger.Level.INFO,
            "backend {0}: {1}",
            model.kernels.name(),
            model.kernels.description());
    return model;
  }

  /**
   * Waits until no other thread uses this model; it is this thread's until the turn is closed.
   *
   * <pre>{@code
   * try (var _ = model.turn()) {
   *   trainer.setBatch(ids, targets, B, T);
   *   loss = trainer.backward(B, T);
   * }
   * }</pre>
   *
   * @throws IllegalStateException if the model is closed
   */
  @Override
  public Turn turn() {
    return turns.next();
  }

  @Override
  public Turn lastTurn() {
    return turns.last();
  }

  /** Draws every weight anew; see {@link Initializer}. */
  public void initialize(long seed) {
    try (var _ = turn()) {
      Initializer.initialize(weights, seed);
      changed();
    }
  }

  /**
   * Rounds every matrix but the position embedding, for good, so that generation reads fewer bytes
   * a token; the model cannot be trained any more. Everything computes with the rounded weights; on
   * backend cpu a smaller copy of them serves steps of few tokens, which later writes to {@link
   * #weights} do not reach.
   *
   * @param format {@code int4} (embedding and output matrix then are int8), {@code int8} or {@code
   *     bfloat16}
   * @throws IllegalArgumentException if there is no such format, or a weight is not finite
   * @throws IllegalStateException if the weights are rounded already
   * @throws TooLargeError if the copy does not fit into memory; the weights are as they were, as in
   *     the other cases
   * @see QuantizedMatrix
   */
  public void quantize(String format) {
    WeightFormat chosen = Choice.of("weights", WeightFormat.class, format);
    try (var _ = turn()) {
      if (rounded != null) {
        throw new IllegalStateException(
            "weights: expected them as they were trained, got "
                + rounded.format()
                + "; load the model again to round it otherwise");
      }
      rounded = new QuantizedWeights(chosen, weights, kernels);
      wiring++;
      changed();
    }
  }

  /**
   * Lays an adapter of zeros beside the weights, which nothing writes to while it is there; see
   * {@link Adapter}. Sessions and trainings that were made before do without it.
   *
   * @param json what its parts are; see {@link Adapter}
   * @throws IllegalArgumentException if it does not fit the model
   * @throws IllegalStateException if there is one
   * @throws TooLargeError if it does not fit into memory
   */
  public Adapter adapt(String json) {
    try (var _ = turn()) {
      if (adapter != null) {
        throw new IllegalStateException("adapter: expected a model without one, got one that has");
      }
      adapter = Adapter.of(this, json);
      wiring++;
      changed();
      return adapter;
    }
  }

  /** The adapter beside the weights; null for none. */
  public Adapter adapter() {
    return adapter;
  }

  /** Takes the adapter away; the caller closes it. Null if there is none. */
  public Adapter removeAdapter() {
    try (var _ = turn()) {
      Adapter removed = adapter;
      adapter = null;
      wiring++;
      changed();
      return removed;
    }
  }

  /** What a training moves: the adapter if there is one, else the weights. */
  public Trainable trained() {
    Adapter beside = adapter;
    return beside == null ? this : beside;
  }

  /**
   * Says in which numbers key/value caches are kept from now on: {@code int8}, with a scale for
   * each head of a position, takes about a quarter of the memory. Sequences that are running keep
   * theirs.
   *
   * @param dtype {@code float32}, or {@code float64} where the model is, or {@code int8}
   * @throws IllegalArgumentException if it is none of these, or this backend has no int8
   */
  public void keepCachesAs(String dtype) {
    boolean whole = dtype.equals(DType.INT8.toString());
    if (whole ? !kernels.hasInt8Heads() : !dtype.equals(dtype().toString())) {
      String others = kernels.hasInt8Heads() ? " or int8" : " on backend " + kernels.name();
      throw new IllegalArgumentException(
          "kv_cache: expected " + dtype() + others + ", got " + dtype);
    }
    try (var _ = turn()) {
      cacheDType = whole ? DType.INT8 : dtype();
      changed();
    }
  }

  /**
   * Sets the dropout of trainings that are made from now on; at first it is the configuration's.
   *
   * @throws IllegalArgumentException if it is not in [0, 1)
   */
  public void setDropout(double probability) {
    if (!(probability >= 0 && probability < 1)) {
      throw new IllegalArgumentException("dropout: expected 0 to below 1, got " + probability);
    }
    dropout = probability;
  }

  /** The dropout of trainings that are made. */
  double dropout() {
    return dropout;
  }

  /** The type of numbers in key/value caches. */
  public DType cacheDType() {
    return cacheDType;
  }

  /**
   * Grows where sessions that were made before would compute something else: without the copy of
   * rounded weights, or without an adapter.
   */
  public long wiring() {
    return wiring;
  }

  /**
   * Most rows of a step of generation in which each has the same bits as it would have alone: any
   * number where the copy of rounded weights gives the same bits for all.
   */
  public int rowsAlike() {
    QuantizedWeights copies = rounded;
    return copies == null || adapter != null ? kernels.rowsAlike() : copies.rowsAlike(kernels);
  }

  /** Grows with each change of the weights that {@link #changed} tells of. */
  public long version() {
    return version;
  }

  /** Tells that the weights have changed, so that what was computed with them is out of date. */
  @Override
  public void changed() {
    try (var _ = lastTurn()) {
      version++;
    }
  }

  /**
   * Passes if the weights may be trained.
   *
   * @throws IllegalStateException if they are rounded
   */
  @Override
  public void requireTrainable() {
    if (rounded != null) {
      throw new IllegalStateException(
          "weights: expected float32 to train them, got "
              + rounded.format()
              + "; load the model again without rounding it");
    }
  }

  /**
   * Passes if the weights may be trained with products and activations of {@code dtype}.
   *
   * @throws IllegalArgumentException if there are no such products here
   * @throws IllegalStateException if the weights are rounded
   */
  public void requireTrainable(DType dtype) {
    requireTrainable();
    if (dtype != dtype() && adapter != null) {
      throw new IllegalArgumentException(
          "dtype: expected " + dtype() + " where an adapter is trained, got " + dtype);
    }
    if (dtype == DType.BFLOAT16) {
      kernels.requireBfloat16();
    } else if (dtype != dtype()) {
      throw new IllegalArgumentException(
          "dtype: expected bfloat16 or " + dtype() + ", as the model has, got " + dtype);
    }
  }

  public GPTConfig config() {
    return config;
  }

  @Override
  public DType dtype() {
    return weights.dtype();
  }

  @Override
  public Kernels kernels() {
    return kernels;
  }

  /** Rotary angles of a layer, (block_size, R); null for other positions, or none. */
  Tensor angles(int layer) {
    return angles == null ? null : angles.of(layer);
  }

  /** What an op reads and writes of the weight called {@code name}. */
  Parameter parameter(String name, Map<String, Tensor> gradients, ProductWeights products) {
    PackedMatrix packed = rounded == null ? null : rounded.packed(name);
    Tensor value = weights.get(name);
    Tensor product = products == null ? value : products.of(name);
    return new Parameter(name, value, gradients.get(name), packed, product);
  }

  /** The weights by name, shared: writing to them changes the model. */
  @Override
  public Parameters weights() {
    return weights;
  }

  /**
   * Builds a tape for at most (B, T) tokens that runs forward and backward.
   *
   * @param gradients of the weights that are trained; the others are constants
   * @param dtype of products and most activations: bfloat16, or the model's own
   * @throws IllegalArgumentException if there are no such products here
   * @throws TooLargeError if its activations do not fit into memory, as in those below
   * @throws IllegalStateException if the weights are rounded
   */
  public Session training(int B, int T, Parameters gradients, DType dtype) {
    requireTrainable(dtype);
    cacheMemory.free();
    ProductWeights products =
        dtype == dtype() ? null : new ProductWeights(kernels.device(), weights);
    try {
      Decoder.Trained trained = new Decoder.Trained(gradients.views(), dtype, products);
      return session(B, T, Math.multiplyExact(B, T), Decoder.Purpose.TRAINING, trained, null);
    } catch (RuntimeException | Error error) {
      if (products != null) {
        products.close();
      }
      throw error;
    }
  }

  /** Builds a tape for at most (B, T) tokens that computes logits and loss. */
  public Session evaluation(int B, int T) {
    return session(B, T, Decoder.Purpose.EVALUATION);
  }

  /**
   * Builds a tape for steps that have a past: of one token of each of at most B sequences, or of at
   * most {@code longest} tokens of one. It computes the logits of the last token of each.
   */
  public Session generation(int B, int longest) {
    Decoder.Trained nothing = Decoder.Trained.nothing(dtype());
    return session(B, 1, Math.max(B, longest), Decoder.Purpose.GENERATION, nothing, null);
  }

  /**
   * Where key/value caches get their memory, and give it back to; a training frees what is there.
   */
  public SpareMemory cacheMemory() {
    return cacheMemory;
  }

  /** Size in bytes of the key/value cache of one sequence of T tokens. */
  public long cacheBytes(int T) {
    int head = config.headSize();
    long bytes =
        cacheDType == DType.INT8 ? Int8Heads.bytes(head) : (long) head * cacheDType.bytes();
    return 2L * config.nLayer() * config.nKvHead() * bytes * T;
  }

  /**
   * Builds a tape for one sequence of T tokens that writes out the attention probabilities of every
   * layer; it computes the logits of the last token.
   */
  public Session attention(int T) {
    return session(1, T, Decoder.Purpose.ATTENTION);
  }

  /** Builds a tape for at most (B, T) tokens that keeps the {@link Session#hidden} states. */
  public Session hidden(int B, int T) {
    return session(B, T, Decoder.Purpose.HIDDEN);
  }

  /**
   * Opens the model for looking at one sequence of T tokens.
   *
   * @param first of the layers of which everything is kept
   * @param end the layer after the last of them
   * @throws IllegalArgumentException if there are no such layers
   */
  public Probe probe(int T, int first, int end) {
    return new Probe(this, T, first, end);
  }

  private Session session(int B, int T, Decoder.Purpose purpose) {
    return session(B, T, Math.multiplyExact(B, T), purpose, Decoder.Trained.nothing(dtype()), null);
  }

  /** A session that keeps what {@code taps} says; null for none. */
  Session session(
      int B, int T, int rows, Decoder.Purpose purpose, Decoder.Trained trained, Taps taps) {
    String what = Choice.name(purpose) + " on batches of " + B + " x " + T + " tokens";
    long count = 2L * rows; // ids and targets
    long embedded = (long) rows * config.nEmbd(); // not all there is, but before anything is there
    BigInteger least = BigInteger.valueOf(embedded).multiply(BigInteger.valueOf(dtype().bytes()));
    kernels.device().require(least.add(BigInteger.valueOf(count * DType.INT32.bytes())), what);
    Tokens tokens = new Tokens(kernels.device(), rows);
    try (var _ = turn()) {
      Decoder decoder = new Decoder(this, purpose, B, T, rows, trained, tokens, taps);
      kernels.device().require(BigInteger.valueOf(decoder.tape().byteSize()), what);
      return decoder.session(tokens);
    } catch (RuntimeException | Error error) {
      tokens.close();
      throw error;
    }
  }

  /**
   * Size in bytes of the activations of a training step, without allocating them.
   *
   * @param layout that of what is {@link #trained}, which says which weights are
   * @param dtype bfloat16, or the model's own
   */
  public long activationBytes(int B, int T, Layout layout, DType dtype) {
    Map<String, Tensor> gradients = new HashMap<>(trained().weights().views()); // none is written
    layout.weights().stream()
        .filter(weight -> !weight.trainable())
        .forEach(weight -> gradients.remove(weight.name()));
    return plan(B, T, Decoder.Purpose.TRAINING, new Decoder.Trained(gradients, dtype, null))
        .byteSize();
  }

  /** Size in bytes of the activations of an evaluation, without allocating them. */
  public long evaluationBytes(int B, int T) {
    return plan(B, T, Decoder.Purpose.EVALUATION, Decoder.Trained.nothing(dtype())).byteSize();
  }

  /** Likewise, in the model's own dtype. */
  public long activationBytes(int B, int T, Layout layout) {
    return activationBytes(B, T, layout, dtype());
  }

  /** The ops of a training step, first to last, as text. */
  public List<String> describeOps(int B, int T) {
    Decoder.Trained all = new Decoder.Trained(trained().weights().views(), dtype(), null);
    Tape tape = plan(B, T, Decoder.Purpose.TRAINING, all);
    return tape.ops().stream().map(Op::describe).toList();
  }

  private Tape plan(int B, int T, Decoder.Purpose purpose, Decoder.Trained trained) {
    try (Tokens tokens = new Tokens(kernels.device(), 1)) { // planning reads none
      int rows = Math.multiplyExact(B, T);
      return new Decoder(this, purpose, B, T, rows, trained, tokens, null).tape();
    }
  }

  @Override
  public void close() {
    turns.close(this::free);
  }

  private void free() {
    cacheMemory.close();
    weights.close();
    if (adapter != null) {
      adapter.close();
    }
    if (angles != null) {
      angles.close();
    }
    if (rounded != null) {
      rounded.close();
    }
    kernels.close();
  }
}
