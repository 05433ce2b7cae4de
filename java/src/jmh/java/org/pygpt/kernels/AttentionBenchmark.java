package org.pygpt.kernels;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.pygpt.kernels.cpu.Contender;
import org.pygpt.tensor.Tensor;

/**
 * Causal attention on packed queries, keys and values, forward and backward, at the shapes of four
 * models: heads small enough for our own products, and long ones. Every result is overwritten.
 *
 * <pre>{@code
 * make bench-java ARGS="AttentionBenchmark -p shape=MAKEMORE"
 * }</pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class AttentionBenchmark {
  /** B sequences of T positions, H heads of size D. */
  public enum Shape {
    MAKEMORE(32, 16, 4, 16),
    SHAKESPEARE(12, 64, 4, 32),
    CHAR(8, 256, 6, 64),
    GPT2(1, 1024, 12, 64);

    private final int B;
    private final int T;
    private final int H;
    private final int D;

    Shape(int B, int T, int H, int D) {
      this.B = B;
      this.T = T;
      this.H = H;
      this.D = D;
    }
  }

  @Param public Shape shape;
  @Param public Contender contender;

  private Kernels kernels;
  private Tensor[] qkv;
  private Tensor out;
  private Tensor logsumexp;
  private Tensor dOut;
  private Tensor[] dQkv;

  @Setup
  public void open() throws InterruptedException {
    kernels = contender.open();
    Inputs inputs = new Inputs(kernels.device());
    int rows = shape.B * shape.T;
    int C = shape.H * shape.D;
    qkv = thirds(inputs.normal(rows, 3 * C), C);
    out = inputs.zeros(rows, C);
    logsumexp = inputs.zeros(shape.B * shape.H, shape.T);
    dOut = inputs.normal(rows, C);
    dQkv = thirds(inputs.zeros(rows, 3 * C), C);
    forward(); // backward reads the output and the logarithms of the sums
  }

  private static Tensor[] thirds(Tensor packed, int C) {
    return new Tensor[] {packed.columns(0, C), packed.columns(C, C), packed.columns(2 * C, C)};
  }

  @TearDown
  public void close() {
    kernels.close();
  }

  @Benchmark
  public Tensor forward() {
    kernels.attention(
        new AttentionSpec(shape.B, shape.T, shape.T, shape.H, shape.H, true),
        new Heads(qkv[0], qkv[1], qkv[2]),
        null,
        out,
        logsumexp);
    return out;
  }

  @Benchmark
  public Tensor[] backward() {
    kernels.attentionBackward(
        AttentionSpec.causal(shape.B, shape.T, shape.H, shape.H),
        new Heads(qkv[0], qkv[1], qkv[2]),
        null,
        out,
        logsumexp,
        dOut,
        new Heads(dQkv[0], dQkv[1], dQkv[2]));
    return dQkv;
  }
}
