package org.pygpt.kernels;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
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
 * Products of few rows by the matrices of GPT-2, as a step of generation has them, with weights of
 * 32, 16 and 8 bits. Each invocation takes another copy of the matrix, of so many that no cache
 * holds them, since a step finds none of its weights there. The line {@code multiply:gigabytes} is
 * the rate in GB/s at which weights are read.
 *
 * <pre>{@code
 * make bench-java ARGS="GemvBenchmark -p matrix=FEED_FORWARD -p rows=1"
 * }</pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class GemvBenchmark {
  private static final long BYTES = 256L << 20; // of all copies: many times a cache

  /** Matrices of GPT-2 124M, (in, out), but for the head, (out, in). */
  public enum Matrix {
    QKV(768, 2304, false),
    FEED_FORWARD(768, 3072, false),
    PROJECTION(3072, 768, false),
    HEAD(768, 50257, true);

    private final int in;
    private final int out;
    private final boolean outputsAreRows;

    Matrix(int in, int out, boolean outputsAreRows) {
      this.in = in;
      this.out = out;
      this.outputsAreRows = outputsAreRows;
    }
  }

  /** How the weights are stored. */
  public enum Weights {
    FLOAT32,
    BFLOAT16,
    INT8
  }

  /** Mutable: gigabytes read in the running iteration, which JMH divides by its time. */
  @AuxCounters
  @State(Scope.Thread)
  public static class Work {
    public double gigabytes;
  }

  @Param public Matrix matrix;
  @Param public Weights weights;

  @Param({"1", "8"})
  public int rows;

  @Param({"VECTORS", "VECTORS_2"})
  public Contender contender;

  private Kernels kernels;
  private Tensor weight;
  private PackedMatrix[] packed;
  private int copies;
  private long bytes;
  private Tensor x;
  private Tensor out;
  private int next;

  @Setup
  public void open() throws InterruptedException {
    kernels = contender.open();
    Inputs inputs = new Inputs(kernels.device());
    int bits =
        weights == Weights.FLOAT32 ? Float.SIZE : WeightFormat.valueOf(weights.name()).bits();
    bytes = (long) matrix.in * matrix.out * bits / Byte.SIZE;
    copies = (int) (BYTES / bytes + 1);
    x = inputs.normal(rows, matrix.in);
    out = inputs.zeros(rows, matrix.out);
    int columns = matrix.outputsAreRows ? matrix.in : matrix.out;
    int height = matrix.outputsAreRows ? matrix.out : matrix.in;
    if (weights == Weights.FLOAT32) {
      weight = inputs.normal(copies * height, columns);
    } else {
      weight = inputs.normal(height, columns);
      packed = new PackedMatrix[copies];
      WeightFormat format = WeightFormat.valueOf(weights.name());
      QuantizedMatrix rounded = new QuantizedMatrix(format, weight, matrix.outputsAreRows);
      for (int copy = 0; copy < copies; copy++) {
        packed[copy] = kernels.pack(rounded);
      }
    }
  }

  @TearDown
  public void close() {
    kernels.close();
  }

  @Benchmark
  public Tensor multiply(Work work) {
    next = (next + 1) % copies;
    if (packed != null) {
      packed[next].multiply(rows, x, out);
    } else {
      int height = matrix.outputsAreRows ? matrix.out : matrix.in;
      Tensor copy = weight.rows(next * height, height);
      kernels.gemm(
          new MatMul(rows, matrix.out, matrix.in, false, matrix.outputsAreRows, false),
          x,
          copy,
          out);
    }
    work.gigabytes += bytes * 1e-9;
    return out;
  }
}
