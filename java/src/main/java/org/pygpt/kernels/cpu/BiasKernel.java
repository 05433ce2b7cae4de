package org.pygpt.kernels.cpu;

import org.pygpt.tensor.Tensor;

/** The bias of a linear layer. */
final class BiasKernel {
  private BiasKernel() {}

  /** x += bias, row by row. */
  record Forward(Tensor bias, Tensor x) implements RowKernel {
    @Override
    public void prepare(Staging staging) {
      staging.readVector(1, bias, x.columns(), 0);
    }

    @Override
    public void block(boolean vectors, Staging staging, int row, int count) {
      float[] values = staging.read(0, x, row, count);
      addToRows(vectors, staging.array(1, x.columns()), values, count, x.columns());
      Staging.write(values, x, row, count);
    }
  }

  /** The sum of the rows of dX. */
  record Backward(Tensor dX, RowSum dBias) implements RowKernel {
    @Override
    public void prepare(Staging staging) {
      dBias.begin(staging, dX.columns());
    }

    @Override
    public void block(boolean vectors, Staging staging, int row, int count) {
      float[] gradient = staging.read(0, dX, row, count);
      sumRows(vectors, gradient, dBias.of(staging), count, dX.columns());
    }
  }

  /** Adds a vector to each of {@code count} rows. */
  static void addToRows(boolean vectors, float[] vector, float[] rows, int count, int columns) {
    for (int r = 0; r < count; r++) {
      VectorMath.add(vectors, vector, 0, rows, r * columns, columns);
    }
  }

  /** sum += each of {@code count} rows. */
  static void sumRows(boolean vectors, float[] rows, float[] sum, int count, int columns) {
    for (int r = 0; r < count; r++) {
      VectorMath.add(vectors, rows, r * columns, sum, 0, columns);
    }
  }
}
