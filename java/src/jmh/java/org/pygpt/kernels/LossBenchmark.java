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
 * Cross-entropy with its gradient, for a vocabulary of characters and for GPT-2's. While training
 * the gradient takes the place of the logits; here it has its own, or the next invocation would see
 * nearly uniform ones.
 *
 * <pre>{@code
 * make bench-java ARGS="LossBenchmark -p V=65"
 * }</pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class LossBenchmark {
  private static final int ROWS = 256;

  @Param({"65", "50257"})
  public int V;

  @Param public Contender contender;

  private Kernels kernels;
  private Tensor logits;
  private Tensor targets;
  private Tensor dLogits;

  @Setup
  public void open() throws InterruptedException {
    kernels = contender.open();
    Inputs inputs = new Inputs(kernels.device());
    logits = inputs.normal(ROWS, V);
    targets = inputs.ids(ROWS, V);
    dLogits = inputs.zeros(ROWS, V);
  }

  @TearDown
  public void close() {
    kernels.close();
  }

  @Benchmark
  public double crossEntropy() {
    return kernels.crossEntropy(ROWS, logits, CrossEntropy.mean(targets, dLogits));
  }
}
