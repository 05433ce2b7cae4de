package org.pygpt.kernels.reference;

import static org.pygpt.kernels.reference.Products.at;
import static org.pygpt.tensor.HostMemory.get;
import static org.pygpt.tensor.HostMemory.set;

import org.pygpt.kernels.Gradient;
import org.pygpt.kernels.Norm;
import org.pygpt.kernels.Residual;
import org.pygpt.tensor.Tensor;

/** Residual sums, layer norm and RMSNorm; derived in docs/maths/norm.md. */
final class Norms {
  private Norms() {}

  /** sum = x + branch + bias: (rows, C). */
  static void residual(int rows, Residual residual) {
    Tensor x = residual.x();
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < x.columns(); c++) {
        double added = get(residual.branch(), row, c) + at(residual.bias(), c, 0);
        set(residual.sum(), row, c, get(x, row, c) + added);
      }
    }
  }

  /**
   * For each row: mean = sum(x) / C (0 in RMSNorm), rstd = 1 / sqrt(sum((x - mean)²) / C + ε),
   * normed = (x - mean) * rstd, out = normed * weight + bias.
   */
  static void forward(int rows, Norm norm, Tensor x, Tensor out, Tensor statistics) {
    int C = x.columns();
    for (int row = 0; row < rows; row++) {
      double sum = 0;
      for (int c = 0; c < C; c++) {
        sum += get(x, row, c);
      }
      double mean = norm.spec().centred() ? sum / C : 0;
      double squares = 0; // in a second pass: the difference of two sums would cancel
      for (int c = 0; c < C; c++) {
        double centred = get(x, row, c) - mean;
        squares += centred * centred;
      }
      double rstd = 1 / Math.sqrt(squares / C + norm.spec().epsilon());
      for (int c = 0; c < C; c++) {
        double normed = (get(x, row, c) - mean) * rstd;
        set(out, row, c, normed * at(norm.weight(), c, 1) + at(norm.bias(), c, 0));
      }
      set(statistics, row, 0, mean);
      set(statistics, row, 1, rstd);
    }
  }

  /**
   * With dNormed = dOut * weight: dX = rstd * (dNormed - mean(dNormed) - normed * mean(dNormed *
   * normed)), where RMSNorm lacks the first mean, since its own is not subtracted; dWeight = sum
   * over rows of dOut * normed, dBias = sum over rows of dOut.
   */
  static void backward(
      int rows,
      Norm norm,
      Tensor dOut,
      Tensor x,
      Tensor statistics,
      Gradient dX,
      Gradient dWeight,
      Gradient dBias) {
    int C = x.columns();
    double[] weightSums = new double[C];
    double[] biasSums = new double[C];
    for (int row = 0; row < rows; row++) {
      double mean = get(statistics, row, 0);
      double rstd = get(statistics, row, 1);
      double dSum = 0; // of dNormed
      double dDot = 0; // of dNormed * normed
      for (int c = 0; c < C; c++) {
        double normed = (get(x, row, c) - mean) * rstd;
        double dNormed = get(dOut, row, c) * at(norm.weight(), c, 1);
        dSum += dNormed;
        dDot += dNormed * normed;
        weightSums[c] += get(dOut, row, c) * normed;
        biasSums[c] += get(dOut, row, c);
      }
      double dMean = norm.spec().centred() ? dSum / C : 0;
      for (int c = 0; c < C; c++) {
        double normed = (get(x, row, c) - mean) * rstd;
        double dNormed = get(dOut, row, c) * at(norm.weight(), c, 1);
        double d = rstd * (dNormed - dMean - normed * dDot / C);
        set(dX.tensor(), row, c, (dX.add() ? get(dX.tensor(), row, c) : 0) + d);
      }
    }
    Products.store(weightSums, dWeight);
    Products.store(biasSums, dBias);
  }
}
