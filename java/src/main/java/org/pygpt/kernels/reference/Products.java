package org.pygpt.kernels.reference;

import static org.pygpt.tensor.HostMemory.add;
import static org.pygpt.tensor.HostMemory.get;
import static org.pygpt.tensor.HostMemory.set;

import org.pygpt.kernels.Gradient;
import org.pygpt.kernels.MatMul;
import org.pygpt.tensor.Tensor;

/** Matrix products and biases; the maths is in docs/maths/linear.md. */
final class Products {
  private Products() {}

  /** c[i, j] (+)= sum over p of op(a)[i, p] * op(b)[p, j]: (m, k) @ (k, n) -> (m, n). */
  static void gemm(MatMul shape, Tensor a, Tensor b, Tensor c) {
    for (int i = 0; i < shape.m(); i++) {
      for (int j = 0; j < shape.n(); j++) {
        double sum = shape.add() ? get(c, i, j) : 0;
        for (int p = 0; p < shape.k(); p++) {
          double left = shape.transposeA() ? get(a, p, i) : get(a, i, p);
          double right = shape.transposeB() ? get(b, j, p) : get(b, p, j);
          sum += left * right;
        }
        set(c, i, j, sum);
      }
    }
  }

  /** x[row, c] += bias[c]. */
  static void bias(int rows, Tensor bias, Tensor x) {
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < x.columns(); c++) {
        add(x, row, c, get(bias, 0, c));
      }
    }
  }

  /** dBias[c] (+)= sum over rows of dX[row, c], since every row had the same bias added. */
  static void biasBackward(int rows, Tensor dX, Gradient dBias) {
    double[] sums = new double[dX.columns()];
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < sums.length; c++) {
        sums[c] += get(dX, row, c);
      }
    }
    store(sums, dBias);
  }

  /** Stores the gradient of a vector, or adds it; nothing where nobody wants it. */
  static void store(double[] sums, Gradient gradient) {
    for (int c = 0; gradient != null && c < sums.length; c++) {
      double before = gradient.add() ? get(gradient.tensor(), 0, c) : 0;
      set(gradient.tensor(), 0, c, before + sums[c]);
    }
  }

  /** Element c of a vector, or {@code otherwise} where there is none. */
  static double at(Tensor vector, int c, double otherwise) {
    return vector == null ? otherwise : get(vector, 0, c);
  }
}
