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
 * Activations with their bias, forward and backward, at the size of makemore's feed-forward layer.
 * While training the gradient takes the place of the one that it is made of; here it has its own,
 * or slopes below 1 would multiply up to denormal numbers, which are slow.
 *
 * <pre>{@code
 * make bench-java ARGS="ActivationBenchmark -p kind=GELU,GELU_EXACT"
 * }</pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class ActivationBenchmark {
  private static final int ROWS = 32 * 16;
  private static final int F = 256;

  @Param public Activation kind;

  @Param({"VECTORS", "LOOPS", "ND4J"})
  public Contender contender;

  private Kernels kernels;
  private Tensor x;
  private Tensor bias;
  private Tensor out;
  private Tensor dOut;
  private Tensor dX;
  private Tensor dBias;

  @Setup
  public void open() throws InterruptedException {
    kernels = contender.open();
    Inputs inputs = new Inputs(kernels.device());
    int columns = kind.inputsPerOutput() * F;
    x = inputs.normal(ROWS, columns);
    bias = inputs.normal(1, columns);
    out = inputs.zeros(ROWS, F);
    dOut = inputs.normal(ROWS, F);
    dX = inputs.zeros(ROWS, columns);
    dBias = inputs.zeros(1, columns);
  }

  @TearDown
  public void close() {
    kernels.close();
  }

  @Benchmark
  public Tensor forward() {
    kernels.activation(kind, ROWS, x, bias, out);
    return out;
  }

  @Benchmark
  public Tensor backward() {
    kernels.activationBackward(kind, ROWS, x, bias, dOut, dX, Gradient.of(dBias, false));
    return dX;
  }
}
