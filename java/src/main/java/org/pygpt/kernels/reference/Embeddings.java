package org.pygpt.kernels.reference;

import static org.pygpt.tensor.HostMemory.add;
import static org.pygpt.tensor.HostMemory.get;
import static org.pygpt.tensor.HostMemory.set;

import org.pygpt.kernels.Gradient;
import org.pygpt.kernels.Positions;
import org.pygpt.tensor.Tensor;

/** Rows of a table, looked up by token and by position; see docs/maths/embedding.md. */
final class Embeddings {
  private Embeddings() {}

  /** out[row] = wte[ids[row]] + wpe[past + row % T]: (B * T, C). */
  static void forward(Positions positions, Tensor ids, Tensor wte, Tensor wpe, Tensor out) {
    for (int row = 0; row < positions.rows(); row++) {
      int id = (int) get(ids, row, 0);
      int position = positions.past() + row % positions.T();
      for (int c = 0; c < out.columns(); c++) {
        set(out, row, c, get(wte, id, c) + (wpe == null ? 0 : get(wpe, position, c)));
      }
    }
  }

  /** dWte[ids[row]] += dOut[row], dWpe[row % T] += dOut[row]: a token may occur many times. */
  static void backward(Positions positions, Tensor ids, Tensor dOut, Gradient dWte, Gradient dWpe) {
    for (Gradient gradient : new Gradient[] {dWte, dWpe}) {
      if (gradient != null && !gradient.add()) {
        gradient.tensor().zero();
      }
    }
    for (int row = 0; row < positions.rows(); row++) {
      int id = (int) get(ids, row, 0);
      for (int c = 0; c < dOut.columns(); c++) {
        if (dWte != null) {
          add(dWte.tensor(), id, c, get(dOut, row, c));
        }
        if (dWpe != null) {
          add(dWpe.tensor(), row % positions.T(), c, get(dOut, row, c));
        }
      }
    }
  }
}
