package org.pygpt;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pygpt.graph.Attention;
import org.pygpt.graph.CachedAttention;
import org.pygpt.graph.Embedding;
import org.pygpt.graph.Input;
import org.pygpt.graph.Linear;
import org.pygpt.graph.Op;
import org.pygpt.graph.Parameter;
import org.pygpt.graph.Relu;
import org.pygpt.graph.Residual;
import org.pygpt.graph.RmsNorm;
import org.pygpt.graph.Tape;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Backend;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: a GPT's weights and the way its tapes are built.
 *
 * <p>The architecture is microgpt's: token plus position embedding, RMSNorm, then for each layer
 * RMSNorm, causal attention, residual, RMSNorm, ReLU feed-forward, residual, and an output matrix
 * of its own. No biases, no gains, no final norm.
 *
 * <pre>{@code
 * try (GPT model = GPT.create(new GPTConfig(16, 27, 1, 4, 16), "cpu", DType.FLOAT32);
 *     Trainer trainer = new Trainer(model, 1)) {
 *   double loss = trainer.step(ids, targets, 1, ids.length, 0.01);
 * }
 * }</pre>
 *
 * @see <a href="https://gist.github.com/karpathy/8627fe009c40f57531cb18360106ce95">microgpt</a>
 */
public final class GPT implements AutoCloseable {
  private final GPTConfig config;
  private final Kernels kernels;
  private final Parameters weights;

  private GPT(GPTConfig config, Kernels kernels, DType dtype) {
    this.config = config;
    this.kernels = kernels;
    this.weights = new Parameters(config, dtype);
  }

  /**
   * A model whose weights are all zero.
   *
   * @param backend {@code cpu}, {@code nd4j} or {@code plain}
   * @param dtype float32, or float64 on {@code plain}
   * @throws IllegalArgumentException if the backend is unknown or has no such dtype
   */
  public static GPT create(GPTConfig config, String backend, DType dtype) {
    return new GPT(config, Backend.of(backend).kernels(dtype), dtype);
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

  /** A tape with the memory it reads its tokens from. */
  public record Program(Tape tape, Tensor ids, Tensor targets, Variable logits)
      implements AutoCloseable {
    /** Copies token ids to the first rows of {@link #ids}. */
    public void setIds(int[] tokens, int from, int count) {
      copy(tokens, from, ids, count);
    }

    /** Copies targets to the first rows of {@link #targets}. */
    public void setTargets(int[] tokens, int from, int count) {
      copy(tokens, from, targets, count);
    }

    private static void copy(int[] tokens, int from, Tensor to, int count) {
      MemorySegment segment = to.memory().segment();
      MemorySegment.copy(tokens, from, segment, ValueLayout.JAVA_INT, to.offset() * 4, count);
    }

    @Override
    public void close() {
      tape.close();
      ids.memory().close();
    }
  }

  /** Builds a tape for at most (B, T) tokens that runs forward and backward. */
  public Program training(int B, int T, Parameters gradients) {
    return new Builder(B, T, gradients).build();
  }

  /** Builds a tape for one sequence, one token a step, with a key/value cache. */
  public Program generation() {
    return new Builder(1, 1, null).build();
  }

  /** Wires one tape; {@code gradients == null} means forward only, with a cache. */
  private final class Builder {
    private final int B;
    private final int T;
    private final int rows;
    private final Parameters gradients;
    private final Tape tape;
    private final int C = config.nEmbd();
    private final int H = config.nHead();

    Builder(int B, int T, Parameters gradients) {
      this.B = B;
      this.T = T;
      this.rows = B * T;
      this.gradients = gradients;
      this.tape = new Tape(kernels, dtype(), gradients != null);
    }

    Program build() {
      Memory tokens = Memory.allocate(DType.INT32, 2L * rows);
      Tensor ids = Tensor.of(tokens, 0, rows, 1);
      Tensor targets = Tensor.of(tokens, rows, rows, 1);
      Variable embedded = tape.variable(rows, C);
      tape.add(new Embedding(ids, parameter("wte.weight"), parameter("wpe.weight"), embedded));
      Variable x = norm(embedded);
      for (int layer = 0; layer < config.nLayer(); layer++) {
        x = residual(x, attention("h." + layer + ".attn.", norm(x)));
        x = residual(x, feedForward("h." + layer + ".mlp.", norm(x)));
      }
      Variable logits = linear(x, "lm_head.weight", true, config.vocabSize());
      tape.plan();
      return new Program(tape, ids, targets, logits);
    }

    private Variable norm(Variable x) {
      Variable out = tape.variable(rows, C);
      return append(new RmsNorm(tape.use(x), out, tape.kept(rows, 1)), out);
    }

    private Variable attention(String prefix, Variable x) {
      Variable qkv = linear(x, prefix + "c_attn.weight", false, 3 * C);
      Variable out = tape.variable(rows, C);
      if (gradients == null) {
        int past = config.blockSize();
        Variable keys = tape.kept(past, C);
        Variable values = tape.kept(past, C);
        tape.add(new CachedAttention(qkv, H, keys, values, tape.kept(H, past), out));
      } else {
        tape.add(new Attention(tape.use(qkv), H, tape.kept(B * H * T, T), out));
      }
      return linear(out, prefix + "c_proj.weight", false, C);
    }

    private Variable feedForward(String prefix, Variable x) {
      int F = GPTConfig.FEED_FORWARD_FACTOR * C;
      Variable hidden = linear(x, prefix + "c_fc.weight", false, F);
      Variable active = tape.variable(rows, F);
      append(new Relu(tape.use(hidden), active), active);
      return linear(active, prefix + "c_proj.weight", false, C);
    }

    private Variable linear(Variable x, String weight, boolean outputsAreRows, int features) {
      Variable out = tape.variable(rows, features);
      Input input = tape.use(x);
      return append(new Linear(input, parameter(weight), outputsAreRows, out), out);
    }

    private Variable residual(Variable a, Variable b) {
      Variable out = tape.variable(rows, C);
      return append(new Residual(a, b, out), out);
    }

    private Variable append(Op op, Variable out) {
      tape.add(op);
      return out;
    }

    private Parameter parameter(String name) {
      Tensor gradient = gradients == null ? null : gradients.get(name);
      return new Parameter(name, weights.get(name), gradient);
    }
  }

  @Override
  public void close() {
    weights.close();
    kernels.close();
  }
}
