package org.pygpt.model;

import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import org.pygpt.backends.AutoBackend;
import org.pygpt.backends.Backend;
import org.pygpt.graph.Op;
import org.pygpt.graph.Tape;
import org.pygpt.kernels.Kernels;
import org.pygpt.model.EncoderDecoderConfig.Positions;
import org.pygpt.ops.Parameter;
import org.pygpt.ops.Rotary;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;
import org.pygpt.tensor.TooLargeError;
import org.pygpt.text.Choice;

/**
 * Mutable: the weights of an encoder–decoder transformer, and the way its tapes are built.
 *
 * <p>Any thread may use it, its trainings and its translators: their calls take turns; {@link
 * #close} waits for its turn too. A {@link PairSession} is for one thread, or for a block of {@link
 * #turn}.
 *
 * @see <a href="https://arxiv.org/abs/1706.03762">Vaswani et al. 2017</a>
 */
public final class EncoderDecoder implements Trainable, AutoCloseable {
  private static final double WAVELENGTH = 1e4; // of the slowest sine, over 2 pi: the paper's

  private final EncoderDecoderConfig config;
  private final Kernels kernels;
  private final Parameters weights;
  private final Tensor positions; // sines or rotary angles of each position; null if learned
  private final Turns turns = new Turns();

  private EncoderDecoder(EncoderDecoderConfig config, Kernels kernels, DType dtype) {
    this.config = config;
    this.kernels = kernels;
    weights = new Parameters(kernels.device(), config.layout().layout(), dtype);
    int T = Math.max(config.sourceBlockSize(), config.targetBlockSize());
    positions =
        switch (config.positions()) {
          case LEARNED -> null;
          case SINUSOIDAL -> sines(T, dtype);
          case ROTARY -> {
            double[] frequencies = frequencies(config.headSize(), config.ropeTheta());
            yield Rotary.angles(kernels.device(), dtype, T, frequencies, 1);
          }
        };
  }

  private static double[] frequencies(int columns, double base) {
    double[] frequencies = new double[columns / 2];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = Math.pow(base, -2.0 * i / columns);
    }
    return frequencies;
  }

  /** Sines in even columns, cosines in odd ones, less by what embeddings are multiplied by. */
  private Tensor sines(int T, DType dtype) {
    int C = config.nEmbd();
    double[] frequencies = frequencies(C, WAVELENGTH);
    Tensor sines = Tensor.of(kernels.device().allocate(dtype, (long) T * C), dtype, 0, T, C);
    double[] row = new double[C];
    for (int t = 0; t < T; t++) {
      for (int i = 0; i < C / 2; i++) {
        row[2 * i] = Math.sin(t * frequencies[i]) / embeddingScale();
        row[2 * i + 1] = Math.cos(t * frequencies[i]) / embeddingScale();
      }
      sines.writeRow(t, row);
    }
    return sines;
  }

  /**
   * A model whose weights are all zero.
   *
   * @param backend {@code cpu}, {@code nd4j}, {@code plain}, {@code cuda}, that of another
   *     provider, or {@code auto}, which {@link AutoBackend} resolves
   * @param dtype float32, or float64 on {@code plain}
   * @param threads of backend cpu; 0 for one a processor
   * @throws IllegalArgumentException if the backend is unknown or has no such dtype
   * @throws TooLargeError if the weights do not fit into memory
   */
  public static EncoderDecoder create(
      EncoderDecoderConfig config, String backend, DType dtype, int threads) {
    BigInteger count = config.layout().count();
    Kernels kernels = Backend.named(AutoBackend.resolve(backend, count)).kernels(dtype, threads);
    BigInteger bytes = count.multiply(BigInteger.valueOf(dtype.bytes()));
    kernels.device().require(bytes, "a model of these sizes");
    return new EncoderDecoder(config, kernels, dtype);
  }

  /** Draws every weight anew; see {@link Initializer}. */
  public void initialize(long seed) {
    try (var _ = turn()) {
      Initializer.initialize(weights, seed);
    }
  }

  public EncoderDecoderConfig config() {
    return config;
  }

  @Override
  public Kernels kernels() {
    return kernels;
  }

  @Override
  public Parameters weights() {
    return weights;
  }

  @Override
  public DType dtype() {
    return weights.dtype();
  }

  /** What embeddings are multiplied by. */
  double embeddingScale() {
    return config.scaleEmbedding() ? Math.sqrt(config.nEmbd()) : 1;
  }

  /** What is added to embeddings, (positions, C), and not trained; null for other positions. */
  Parameter sines() {
    boolean added = config.positions() == Positions.SINUSOIDAL;
    return added ? new Parameter("sines", positions, null, null) : null;
  }

  /** Rotary angles, (positions, D); null for other positions. */
  Tensor angles() {
    return config.positions() == Positions.ROTARY ? positions : null;
  }

  @Override
  public void requireTrainable() {
    // nothing rounds these weights
  }

  @Override
  public void changed() {
    // nothing that was computed with the weights is kept
  }

  @Override
  public GPT.Turn turn() {
    return turns.next();
  }

  @Override
  public GPT.Turn lastTurn() {
    return turns.last();
  }

  // ---- tapes -----------------------------------------------------------------------------------

  /**
   * Builds a tape for at most B pairs of S and T tokens that runs forward and backward.
   *
   * @param gradients of the weights that are trained; the others are constants
   * @throws TooLargeError if its activations do not fit into memory, as in those below
   */
  public PairSession training(int B, int S, int T, Parameters gradients) {
    return session(TwoStacks.Purpose.TRAINING, B, S, T, gradients.views());
  }

  /** Builds a tape for at most B pairs of S and T tokens that computes logits and loss. */
  public PairSession evaluation(int B, int S, int T) {
    return session(TwoStacks.Purpose.EVALUATION, B, S, T, Map.of());
  }

  /** Builds a tape for one pair that writes out the attention probabilities of every layer. */
  public PairSession attention(int S, int T) {
    return session(TwoStacks.Purpose.ATTENTION, 1, S, T, Map.of());
  }

  /**
   * Builds a tape for one source of at most S tokens that computes each decoder layer's {@link
   * PairSession#sourceKeysAndValues keys and values} of it.
   */
  public PairSession encoding(int S) {
    return session(TwoStacks.Purpose.ENCODING, 1, S, 1, Map.of());
  }

  /** Builds a tape for the next token of at most B targets, whose pasts are of sources too. */
  public PairSession generation(int B) {
    return session(TwoStacks.Purpose.GENERATION, B, 1, 1, Map.of());
  }

  private PairSession session(
      TwoStacks.Purpose purpose, int B, int S, int T, Map<String, Tensor> gradients) {
    String what = Choice.name(purpose) + " on batches of " + B + " x (" + S + ", " + T + ") tokens";
    Tokens sources = new Tokens(kernels.device(), Math.multiplyExact(B, S));
    Tokens targets = new Tokens(kernels.device(), Math.multiplyExact(B, T));
    try (var _ = turn()) {
      TwoStacks stacks = new TwoStacks(this, purpose, B, S, T, gradients, sources, targets);
      kernels.device().require(BigInteger.valueOf(stacks.tape().byteSize()), what);
      return stacks.session();
    } catch (RuntimeException | Error error) {
      sources.close();
      targets.close();
      throw error;
    }
  }

  /** Size in bytes of the activations of a training step, without allocating them. */
  public long activationBytes(int B, int S, int T) {
    return plan(B, S, T).byteSize();
  }

  /** The ops of a training step, first to last, as text. */
  public List<String> describeOps(int B, int S, int T) {
    return plan(B, S, T).ops().stream().map(Op::describe).toList();
  }

  private Tape plan(int B, int S, int T) {
    try (Tokens none = new Tokens(kernels.device(), 1)) { // planning reads none
      Map<String, Tensor> gradients = weights.views(); // nothing is written to them
      TwoStacks.Purpose training = TwoStacks.Purpose.TRAINING;
      return new TwoStacks(this, training, B, S, T, gradients, none, none).tape();
    }
  }

  @Override
  public void close() {
    turns.close(() -> {
      weights.close();
      if (positions != null) {
        positions.memory().close();
      }
      kernels.close();
    });
  }
}
