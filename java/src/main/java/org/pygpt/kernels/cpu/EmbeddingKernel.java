package org.pygpt.kernels.cpu;

import java.lang.foreign.ValueLayout;
import org.pygpt.kernels.Gradient;
import org.pygpt.kernels.Positions;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/** Embedding of tokens and positions. */
final class EmbeddingKernel {
  private EmbeddingKernel() {}

  /** Element {@code row} of an int32 column. */
  static int id(Tensor ids, int row) {
    return HostMemory.segment(ids).getAtIndex(ValueLayout.JAVA_INT, ids.at(row));
  }

  /** out = wte[id] + wpe[position]; wpe may be null. */
  record Forward(Positions positions, Tensor ids, Tensor wte, Tensor wpe, Tensor out)
      implements RowKernel {
    @Override
    public void block(boolean vectors, Staging staging, int row, int count) {
      int C = out.columns();
      for (int r = row; r < row + count; r++) {
        float[] token = staging.read(0, wte, id(ids, r), 1);
        if (wpe != null) {
          float[] position = staging.read(1, wpe, positions.past() + r % positions.T(), 1);
          VectorMath.add(vectors, position, 0, token, 0, C);
        }
        Staging.write(token, out, r, 1);
      }
    }
  }

  /**
   * dWte[id] += dOut, dWpe[position] += dOut, either of which may be null. Rows of one token meet
   * in one row of dWte, so each worker has columns of its own.
   */
  record Backward(
      Workers workers, Positions positions, Tensor ids, Tensor dOut, Gradient dWte, Gradient dWpe)
      implements Team.Task {
    /** Clears what is not added to, and adds the gradients of all rows. */
    void run() {
      clearUnlessAdded(dWte);
      clearUnlessAdded(dWpe);
      if (dWte != null || dWpe != null) {
        int C = dOut.columns();
        long work = Workers.workOf((long) positions.rows() * C);
        workers.run(this, C, Memory.ALIGNMENT_BYTES / Float.BYTES, work);
      }
    }

    private void clearUnlessAdded(Gradient gradient) {
      if (gradient != null && !gradient.add()) {
        Tensor tensor = gradient.tensor();
        Team.Task clear = (_, from, to) -> tensor.rows(from, to - from).zero();
        workers.run(clear, tensor.rows(), 1, Workers.workOf(tensor.size()));
      }
    }

    @Override
    public void run(int worker, int from, int to) {
      boolean vectors = workers.vectors();
      Staging staging = workers.staging(worker);
      int n = to - from;
      for (int row = 0; row < positions.rows(); row++) {
        float[] gradient = staging.read(0, dOut, from, n, row, 1);
        if (dWte != null) {
          addTo(vectors, staging, gradient, dWte.tensor(), id(ids, row), from, n);
        }
        if (dWpe != null) {
          addTo(vectors, staging, gradient, dWpe.tensor(), row % positions.T(), from, n);
        }
      }
    }

    private static void addTo(
        boolean vectors,
        Staging staging,
        float[] gradient,
        Tensor table,
        int row,
        int column,
        int n) {
      float[] before = staging.read(1, table, column, n, row, 1);
      VectorMath.add(vectors, gradient, 0, before, 0, n);
      Staging.write(before, table, column, n, row, 1);
    }
  }
}
