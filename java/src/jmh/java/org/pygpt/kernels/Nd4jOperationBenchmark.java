package org.pygpt.kernels;

import java.util.concurrent.TimeUnit;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.transforms.custom.LayerNorm;
import org.nd4j.linalg.factory.Nd4j;
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
 * The whole operations that ND4J has itself, beside our kernels: a product and layer norm at the
 * sizes of shakespeare-char. The other benchmarks have backend nd4j, which makes each kernel of
 * ND4J's smaller operations. Both sides have the same numbers, and before anything is measured
 * their results are compared; ND4J's PreciseGELU gave others, so it is left out.
 *
 * <pre>{@code
 * make bench-java ARGS="Nd4jOperationBenchmark"
 * }</pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class Nd4jOperationBenchmark {
  private static final int ROWS = 2048;
  private static final int C = 384;
  private static final int F = 1536;
  private static final double EPSILON = 1e-5; // ND4J's, which its layer norm does not let one set

  /** What is computed. */
  public enum Operation {
    /** (2048, 384) @ (384, 1536). */
    PRODUCT,
    /** Of (2048, 384), with gain and bias. */
    LAYER_NORM
  }

  /** Whose operation it is. */
  public enum Side {
    ENGINE,
    ND4J
  }

  @Param public Operation operation;
  @Param public Side side;

  private Kernels kernels;
  private Runnable run;

  @Setup
  public void open() {
    kernels = Contender.VECTORS_2.open();
    Inputs inputs = new Inputs(kernels.device());
    Runnable[] sides =
        switch (operation) {
          case PRODUCT -> product(inputs);
          case LAYER_NORM -> layerNorm(inputs);
        };
    run = sides[side.ordinal()];
  }

  @TearDown
  public void close() {
    kernels.close();
  }

  @Benchmark
  public void run() {
    run.run();
  }

  // ---- the operations: ours, and ND4J's --------------------------------------------------------

  private Runnable[] product(Inputs inputs) {
    Tensor x = inputs.normal(ROWS, C);
    Tensor weight = inputs.normal(C, F);
    Tensor out = inputs.zeros(ROWS, F);
    INDArray theirX = copy(x);
    INDArray theirWeight = copy(weight);
    INDArray theirs = Nd4j.create(DataType.FLOAT, ROWS, F);
    MatMul shape = new MatMul(ROWS, F, C, false, false, false);
    return compared(
        out,
        theirs,
        () -> kernels.gemm(shape, x, weight, out),
        () -> theirX.mmul(theirWeight, theirs));
  }

  private Runnable[] layerNorm(Inputs inputs) {
    Tensor x = inputs.normal(ROWS, C);
    Tensor gain = inputs.normal(1, C);
    Tensor bias = inputs.normal(1, C);
    Tensor out = inputs.zeros(ROWS, C);
    Tensor statistics = inputs.zeros(ROWS, 2);
    Norm norm = new Norm(new NormSpec(true, EPSILON), gain, bias);
    INDArray theirs = Nd4j.create(DataType.FLOAT, ROWS, C);
    INDArray theirX = copy(x);
    INDArray theirGain = copy(gain).reshape(C);
    INDArray theirBias = copy(bias).reshape(C);
    return compared(
        out,
        theirs,
        () -> kernels.norm(ROWS, norm, x, out, statistics),
        () -> Nd4j.exec(new LayerNorm(theirX, theirGain, theirBias, theirs, false, 1)));
  }

  /** Both sides, once their results agree. */
  private static Runnable[] compared(Tensor ours, INDArray theirs, Runnable one, Runnable other) {
    one.run();
    other.run();
    double[] row = new double[ours.columns()];
    for (int i = 0; i < ours.rows(); i++) {
      ours.readRow(i, row);
      for (int j = 0; j < row.length; j++) {
        double expected = theirs.getDouble(i, j);
        if (Math.abs(row[j] - expected) > 1e-3 * (1 + Math.abs(expected))) {
          throw new IllegalStateException(
              "(" + i + ", " + j + "): expected ND4J's " + expected + ", got " + row[j]);
        }
      }
    }
    return new Runnable[] {one, other};
  }

  private static INDArray copy(Tensor tensor) {
    float[][] values = new float[tensor.rows()][tensor.columns()];
    double[] row = new double[tensor.columns()];
    for (int i = 0; i < values.length; i++) {
      tensor.readRow(i, row);
      for (int j = 0; j < row.length; j++) {
        values[i][j] = (float) row[j];
      }
    }
    return Nd4j.create(values);
  }
}
