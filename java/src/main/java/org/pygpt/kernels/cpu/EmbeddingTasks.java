package org.pygpt.kernels.cpu;

import java.lang.foreign.ValueLayout;
import org.pygpt.kernels.Gradient;
import org.pygpt.kernels.Positions;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/** Embedding, its gradient, and clearing. */
final class EmbeddingTasks {
  private EmbeddingTasks() {}

  /** Element {@code row} of an int32 column. */
  static int id(Tensor ids, int row) {
    return HostMemory.segment(ids).getAtIndex(ValueLayout.JAVA_INT, ids.at(row));
  }

  /** Mutable: out = wte[id] + wpe[position]. */
  static final class Forward extends RowTask {
    Positions positions;
    Tensor ids;
    Tensor wte;
    Tensor wpe;
    Tensor out;

    Forward(Team team, Staging[] stagings) {
      super(team, stagings, 0);
    }

    @Override
    void block(boolean vectors, Staging staging, int worker, int row, int count) {
      int C = out.columns();
      for (int r = row; r < row + count; r++) {
        float[] token = staging.read(0, wte, id(ids, r), 1);
        if (wpe != null) {
          float[] position = staging.read(1, wpe, positions.past() + r % positions.T(), 1);
          ElementMath.add(vectors, position, 0, token, 0, C);
        }
        Staging.write(token, out, r, 1);
      }
    }
  }

  /** Mutable: dWte[id] += dOut, dWpe[position] += dOut; each worker has columns of its own. */
  static final class Backward implements Team.Task {
    private final Staging[] stagings;
    Positions positions;
    Tensor ids;
    Tensor dOut;
    Gradient dWte;
    Gradient dWpe;

    Backward(Staging[] stagings) {
      this.stagings = stagings;
    }

    @Override
    public void run(int worker, int from, int to) {
      boolean vectors = Simd.ready();
      Staging staging = stagings[worker];
      for (int row = 0; row < positions.rows(); row++) {
        float[] gradient = staging.read(0, dOut, from, to - from, row, 1);
        if (dWte != null) {
          addTo(vectors, staging, gradient, dWte.tensor(), id(ids, row), from, to - from);
        }
        if (dWpe != null) {
          addTo(vectors, staging, gradient, dWpe.tensor(), row % positions.T(), from, to - from);
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
      ElementMath.add(vectors, gradient, 0, before, 0, n);
      Staging.write(before, table, column, n, row, 1);
    }
  }

  /** Mutable: zeros. */
  static final class Clear implements Team.Task {
    Tensor tensor;

    @Override
    public void run(int worker, int from, int to) {
      boolean dense = tensor.rowStride() == tensor.columns();
      int step = dense ? to - from : 1;
      for (int row = from; row < to; row += step) {
        long start = tensor.at(row) * Float.BYTES;
        long length = (long) step * tensor.columns() * Float.BYTES;
        HostMemory.segment(tensor).asSlice(start, length).fill((byte) 0);
      }
    }
  }
}
