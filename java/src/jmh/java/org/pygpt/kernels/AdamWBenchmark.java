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
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Flat;

/**
 * The optimizer's two passes over flat arrays, with as many weights as makemore and char have. The
 * gradient is the same in every invocation, so that the moments come to rest at it and its square,
 * and weight decay holds the weights between -10 and 10, its reciprocal.
 *
 * <pre>{@code
 * make bench-java ARGS="AdamWBenchmark -p length=202944"
 * }</pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class AdamWBenchmark {
  @Param({"202944", "10770816"})
  public long length;

  @Param public Contender contender;

  private final AdamStep step = new AdamStep(1e-3, 0.9, 0.95, 1e-8, 0.1, 1, 1, 1);
  private Kernels kernels;
  private Flat weights;
  private Flat gradients;
  private Flat m;
  private Flat v;

  @Setup
  public void open() throws InterruptedException {
    kernels = contender.open();
    Inputs inputs = new Inputs(kernels.device());
    weights = inputs.normal(length);
    gradients = inputs.normal(length);
    m = Flat.of(kernels.device().allocate(DType.FLOAT32, length), DType.FLOAT32);
    v = Flat.of(kernels.device().allocate(DType.FLOAT32, length), DType.FLOAT32);
  }

  @TearDown
  public void close() {
    kernels.close();
  }

  @Benchmark
  public Flat adamW() {
    kernels.adamW(step, weights, gradients, m, v);
    return weights;
  }

  @Benchmark
  public double sumOfSquares() {
    return kernels.sumOfSquares(gradients);
  }
}
