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
 * Layer norm of a residual stream, forward and backward, at the sizes of two models. While training
 * the residual sum takes the place of its branch; here it has its own, or it would grow from
 * invocation to invocation.
 *
 * <pre>{@code
 * make bench-java ARGS="NormBenchmark -p size=CHAR"
 * }</pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class NormBenchmark {
  /** (B * T, C). */
  public enum Size {
    MAKEMORE(32 * 16, 64),
    CHAR(8 * 256, 384);

    private final int rows;
    private final int columns;

    Size(int rows, int columns) {
      this.rows = rows;
      this.columns = columns;
    }
  }

  @Param public Size size;
  @Param public Contender contender;

  private final NormSpec spec = new NormSpec(true, 1e-5);
  private Kernels kernels;
  private Tensor x;
  private Tensor branch;
  private Tensor branchBias;
  private Tensor sum;
  private Tensor weight;
  private Tensor bias;
  private Tensor out;
  private Tensor statistics;
  private Tensor dOut;
  private Tensor dX;
  private Tensor dWeight;
  private Tensor dBias;

  @Setup
  public void open() throws InterruptedException {
    kernels = contender.open();
    Inputs inputs = new Inputs(kernels.device());
    x = inputs.normal(size.rows, size.columns);
    branch = inputs.normal(size.rows, size.columns);
    branchBias = inputs.normal(1, size.columns);
    sum = inputs.zeros(size.rows, size.columns);
    weight = inputs.normal(1, size.columns);
    bias = inputs.normal(1, size.columns);
    out = inputs.zeros(size.rows, size.columns);
    statistics = inputs.zeros(size.rows, 2);
    dOut = inputs.normal(size.rows, size.columns);
    dX = inputs.zeros(size.rows, size.columns);
    dWeight = inputs.zeros(1, size.columns);
    dBias = inputs.zeros(1, size.columns);
    forward(); // backward reads the statistics
  }

  @TearDown
  public void close() {
    kernels.close();
  }

  @Benchmark
  public Tensor forward() {
    kernels.norm(size.rows, new Norm(spec, weight, bias), x, out, statistics);
    return out;
  }

  @Benchmark
  public Tensor residualForward() {
    kernels.residualNorm(
        size.rows,
        new Residual(x, branch, branchBias, sum),
        new Norm(spec, weight, bias),
        out,
        statistics);
    return out;
  }

  @Benchmark
  public Tensor backward() {
    kernels.normBackward(
        size.rows,
        new Norm(spec, weight, null),
        dOut,
        x,
        statistics,
        Gradient.of(dX, false),
        Gradient.of(dWeight, false),
        Gradient.of(dBias, false));
    return dX;
  }
}
