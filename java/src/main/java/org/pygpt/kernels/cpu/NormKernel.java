package org.pygpt.kernels.cpu;

import static org.pygpt.kernels.cpu.VectorMath.LANES;
import static org.pygpt.kernels.cpu.VectorMath.load;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import org.pygpt.kernels.Gradient;
import org.pygpt.kernels.Norm;
import org.pygpt.kernels.Residual;
import org.pygpt.tensor.Tensor;

/** Residual sums and norms; formulas and their derivations are in docs/maths/norm.md. */
final class NormKernel {
  private NormKernel() {}

  /**
   * sum = x + branch + bias, out = norm(sum); one of the two halves may be missing.
   *
   * @param x the residual's, or what the norm is taken of where there is no residual
   * @param residual null for none
   * @param norm null for none; {@code out} and {@code statistics} are then null too
   */
  record Forward(Tensor x, Residual residual, Norm norm, Tensor out, Tensor statistics)
      implements RowKernel {
    @Override
    public void prepare(Staging staging) {
      int C = x.columns();
      if (residual != null) {
        staging.readVector(2, residual.bias(), C, 0);
      }
      if (norm != null) {
        staging.readVector(3, norm.weight(), C, 1);
        staging.readVector(4, norm.bias(), C, 0);
      }
    }

    @Override
    public void block(boolean vectors, Staging staging, int row, int count) {
      int C = x.columns();
      float[] stream = staging.read(0, x, row, count);
      if (residual != null) {
        float[] branch = staging.read(1, residual.branch(), row, count);
        VectorMath.add(vectors, branch, 0, stream, 0, count * C);
        if (residual.bias() != null) {
          BiasKernel.addToRows(vectors, staging.array(2, C), stream, count, C);
        }
        Staging.write(stream, residual.sum(), row, count);
      }
      if (norm != null) {
        normalize(vectors, staging, stream, row, count);
      }
    }

    private void normalize(boolean vectors, Staging staging, float[] stream, int row, int count) {
      int C = x.columns();
      float[] w = staging.array(3, C);
      float[] b = staging.array(4, C);
      float[] kept = staging.array(5, 2 * count);
      float[] lanes = staging.lanes();
      for (int r = 0; r < count; r++) {
        int at = r * C;
        float mean = norm.spec().centred() ? VectorMath.sum(vectors, stream, at, C, lanes) / C : 0;
        float squares = VectorMath.sumOfSquares(vectors, stream, at, C, mean, lanes);
        float rstd = (float) (1 / Math.sqrt(squares / C + norm.spec().epsilon()));
        NormKernel.normalize(vectors, stream, at, C, mean, rstd, w, b);
        kept[2 * r] = mean;
        kept[2 * r + 1] = rstd;
      }
      Staging.write(stream, out, row, count);
      Staging.write(kept, statistics, row, count);
    }
  }

  /** Gradient of the norm. */
  record Backward(
      Norm norm,
      Tensor dOut,
      Tensor x,
      Tensor statistics,
      Gradient dX,
      RowSum dWeight,
      RowSum dBias)
      implements RowKernel {
    @Override
    public void prepare(Staging staging) {
      int C = x.columns();
      staging.readVector(3, norm.weight(), C, 1);
      dWeight.begin(staging, C);
      dBias.begin(staging, C);
    }

    @Override
    public void block(boolean vectors, Staging staging, int row, int count) {
      int C = x.columns();
      boolean centred = norm.spec().centred();
      float[] d = staging.read(0, dOut, row, count);
      float[] input = staging.read(1, x, row, count);
      float[] kept = staging.read(2, statistics, row, count);
      float[] w = staging.array(3, C);
      float[] dW = dWeight.of(staging);
      float[] dB = dBias.of(staging);
      float[] lanes = staging.lanes();
      for (int r = 0; r < count; r++) {
        float mean = kept[2 * r];
        float rstd = kept[2 * r + 1];
        backward(vectors, centred, d, input, r * C, C, mean, rstd, w, dW, dB, lanes);
      }
      if (dX.add()) {
        float[] before = staging.read(4, dX.tensor(), row, count);
        VectorMath.add(vectors, before, 0, d, 0, count * C);
      }
      Staging.write(d, dX.tensor(), row, count);
    }
  }

  // ---- one row of C floats that begins at index `at` of an array; a gain or a bias that a model
  // ---- lacks is an array of 1 or 0: a condition inside a loop would box its vectors

  /** x = (x - mean) * rstd * weight + bias. */
  static void normalize(
      boolean vectors,
      float[] x,
      int at,
      int C,
      float mean,
      float rstd,
      float[] weight,
      float[] bias) {
    int bound = VectorMath.bound(vectors, C);
    if (bound > 0) {
      vectorNormalize(x, at, bound, mean, rstd, weight, bias);
    }
    for (int i = bound; i < C; i++) {
      x[at + i] = (x[at + i] - mean) * rstd * weight[i] + bias[i];
    }
  }

  private static void vectorNormalize(
      float[] x, int at, int bound, float mean, float rstd, float[] weight, float[] bias) {
    for (int i = 0; i < bound; i += LANES) {
      FloatVector y = load(x, at + i).sub(mean).mul(rstd);
      y.mul(load(weight, i)).add(load(bias, i)).intoArray(x, at + i);
    }
  }

  /**
   * Gradient of one row: dX takes the place of dOut, weightSums += dOut * normed, biasSums += dOut.
   *
   * @param lanes of twice as many floats as a vector has
   */
  static void backward(
      boolean vectors,
      boolean centred,
      float[] dOut,
      float[] x,
      int at,
      int C,
      float mean,
      float rstd,
      float[] weight,
      float[] weightSums,
      float[] biasSums,
      float[] lanes) {
    int bound = VectorMath.SPECIES.loopBound(C);
    if (vectors) {
      vectorSums(dOut, x, at, bound, mean, rstd, weight, weightSums, biasSums, lanes);
    } else {
      plainSums(dOut, x, at, bound, mean, rstd, weight, weightSums, biasSums, lanes);
    }
    float sum = VectorMath.sumOfLanes(lanes, 0);
    float dot = VectorMath.sumOfLanes(lanes, LANES);
    for (int i = bound; i < C; i++) {
      float normed = (x[at + i] - mean) * rstd;
      float d = dOut[at + i];
      weightSums[i] = Math.fma(d, normed, weightSums[i]);
      biasSums[i] += d;
      float dNormed = d * weight[i];
      sum += dNormed;
      dot = Math.fma(dNormed, normed, dot);
    }
    input(vectors, dOut, x, at, C, mean, rstd, weight, centred ? sum / C : 0, dot / C);
  }

  /** Sums of dNormed and of dNormed * normed by lane, for the whole vectors of a row. */
  private static void vectorSums(
      float[] dOut,
      float[] x,
      int at,
      int bound,
      float mean,
      float rstd,
      float[] weight,
      float[] weightSums,
      float[] biasSums,
      float[] lanes) {
    FloatVector sums = VectorMath.broadcast(0);
    FloatVector dots = VectorMath.broadcast(0);
    for (int i = 0; i < bound; i += LANES) {
      FloatVector normed = load(x, at + i).sub(mean).mul(rstd);
      FloatVector d = load(dOut, at + i);
      d.fma(normed, load(weightSums, i)).intoArray(weightSums, i);
      load(biasSums, i).add(d).intoArray(biasSums, i);
      FloatVector dNormed = d.mul(load(weight, i));
      sums = sums.add(dNormed);
      dots = dNormed.fma(normed, dots);
    }
    sums.intoArray(lanes, 0);
    dots.intoArray(lanes, LANES);
  }

  private static void plainSums(
      float[] dOut,
      float[] x,
      int at,
      int bound,
      float mean,
      float rstd,
      float[] weight,
      float[] weightSums,
      float[] biasSums,
      float[] lanes) {
    Arrays.fill(lanes, 0, 2 * LANES, 0);
    for (int i = 0; i < bound; i++) {
      int lane = i & (LANES - 1);
      float normed = (x[at + i] - mean) * rstd;
      float d = dOut[at + i];
      weightSums[i] = Math.fma(d, normed, weightSums[i]);
      biasSums[i] += d;
      float dNormed = d * weight[i];
      lanes[lane] += dNormed;
      lanes[LANES + lane] = Math.fma(dNormed, normed, lanes[LANES + lane]);
    }
  }

  /** dOut = rstd * (dOut * weight - dMean - normed * dDot). */
  private static void input(
      boolean vectors,
      float[] dOut,
      float[] x,
      int at,
      int C,
      float mean,
      float rstd,
      float[] weight,
      float dMean,
      float dDot) {
    int bound = VectorMath.bound(vectors, C);
    if (bound > 0) {
      vectorInput(dOut, x, at, bound, mean, rstd, weight, dMean, dDot);
    }
    for (int i = bound; i < C; i++) {
      float normed = (x[at + i] - mean) * rstd;
      dOut[at + i] = rstd * (dOut[at + i] * weight[i] - dMean - normed * dDot);
    }
  }

  private static void vectorInput(
      float[] dOut,
      float[] x,
      int at,
      int bound,
      float mean,
      float rstd,
      float[] weight,
      float dMean,
      float dDot) {
    for (int i = 0; i < bound; i += LANES) {
      FloatVector normed = load(x, at + i).sub(mean).mul(rstd);
      FloatVector d = load(dOut, at + i).mul(load(weight, i));
      d.sub(dMean).sub(normed.mul(dDot)).mul(rstd).intoArray(dOut, at + i);
    }
  }
}
