package org.pygpt.kernels.reference;

import org.pygpt.kernels.Activation;
import org.pygpt.kernels.AdamStep;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.NormSpec;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/**
 * The reference: scalar loops in double precision on tensors of any floating type.
 *
 * <p>Slow and obvious on purpose. Sums are carried in double and rounded once when stored, so on
 * float32 tensors it is more accurate than any fast backend, and on float64 tensors it is what
 * finite differences are compared with.
 */
public final class PlainKernels implements Kernels {
  /** sqrt(2 / pi) and the cubic coefficient of GELU's tanh form, Hendrycks and Gimpel 2016. */
  private static final double GELU_SCALE = Math.sqrt(2 / Math.PI);

  private static final double GELU_CUBE = 0.044715;

  @Override
  public String name() {
    return "plain";
  }

  @Override
  public String description() {
    return "scalar Java, 1 thread";
  }

  @Override
  public void gemm(
      boolean transposeA,
      boolean transposeB,
      int m,
      int n,
      int k,
      Tensor a,
      Tensor b,
      boolean add,
      Tensor c) {
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        double sum = add ? c.get(i, j) : 0;
        for (int p = 0; p < k; p++) {
          sum +=
              (transposeA ? a.get(p, i) : a.get(i, p)) * (transposeB ? b.get(j, p) : b.get(p, j));
        }
        c.set(i, j, sum);
      }
    }
  }

  @Override
  public void bias(int rows, Tensor bias, Tensor x) {
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < x.columns(); c++) {
        x.add(row, c, bias.get(0, c));
      }
    }
  }

  @Override
  public void biasBackward(int rows, Tensor dX, boolean add, Tensor dBias) {
    for (int c = 0; c < dX.columns(); c++) {
      double sum = add ? dBias.get(0, c) : 0;
      for (int row = 0; row < rows; row++) {
        sum += dX.get(row, c);
      }
      dBias.set(0, c, sum);
    }
  }

  @Override
  public void embedding(int B, int T, int past, Tensor ids, Tensor wte, Tensor wpe, Tensor out) {
    for (int row = 0; row < B * T; row++) {
      int id = (int) ids.get(row, 0);
      for (int c = 0; c < out.columns(); c++) {
        out.set(row, c, wte.get(id, c) + (wpe == null ? 0 : wpe.get(past + row % T, c)));
      }
    }
  }

  @Override
  public void embeddingBackward(
      int B,
      int T,
      Tensor ids,
      Tensor dOut,
      boolean addWte,
      Tensor dWte,
      boolean addWpe,
      Tensor dWpe) {
    if (!addWte) {
      dWte.zero();
    }
    if (dWpe != null && !addWpe) {
      dWpe.zero();
    }
    for (int row = 0; row < B * T; row++) {
      int id = (int) ids.get(row, 0);
      for (int c = 0; c < dOut.columns(); c++) {
        dWte.add(id, c, dOut.get(row, c));
        if (dWpe != null) {
          dWpe.add(row % T, c, dOut.get(row, c));
        }
      }
    }
  }

  @Override
  public void residual(int rows, Tensor x, Tensor branch, Tensor bias, Tensor sum) {
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < x.columns(); c++) {
        sum.set(row, c, x.get(row, c) + branch.get(row, c) + at(bias, c, 0));
      }
    }
  }

  /** Element c of a vector, or {@code otherwise} where there is none. */
  private static double at(Tensor vector, int c, double otherwise) {
    return vector == null ? otherwise : vector.get(0, c);
  }

  @Override
  public void norm(
      NormSpec spec,
      int rows,
      Tensor x,
      Tensor weight,
      Tensor bias,
      Tensor out,
      Tensor statistics) {
    int C = x.columns();
    for (int row = 0; row < rows; row++) {
      double sum = 0;
      for (int c = 0; c < C; c++) {
        sum += x.get(row, c);
      }
      double mean = spec.centred() ? sum / C : 0;
      double squares = 0;
      for (int c = 0; c < C; c++) {
        double centred = x.get(row, c) - mean;
        squares += centred * centred;
      }
      double rstd = 1 / Math.sqrt(squares / C + spec.epsilon());
      for (int c = 0; c < C; c++) {
        double normed = (x.get(row, c) - mean) * rstd;
        out.set(row, c, normed * at(weight, c, 1) + at(bias, c, 0));
      }
      statistics.set(row, 0, mean);
      statistics.set(row, 1, rstd);
    }
  }

  @Override
  public void normBackward(
      NormSpec spec,
      int rows,
      Tensor dOut,
      Tensor x,
      Tensor statistics,
      Tensor weight,
      boolean addX,
      Tensor dX,
      boolean addParameters,
      Tensor dWeight,
      Tensor dBias) {
    int C = x.columns();
    double[] weightSums = new double[C];
    double[] biasSums = new double[C];
    for (int row = 0; row < rows; row++) {
      double mean = statistics.get(row, 0);
      double rstd = statistics.get(row, 1);
      double dSum = 0;
      double dDot = 0;
      for (int c = 0; c < C; c++) {
        double normed = (x.get(row, c) - mean) * rstd;
        double dNormed = dOut.get(row, c) * at(weight, c, 1);
        dSum += dNormed;
        dDot += dNormed * normed;
        weightSums[c] += dOut.get(row, c) * normed;
        biasSums[c] += dOut.get(row, c);
      }
      double dMean = spec.centred() ? dSum / C : 0;
      for (int c = 0; c < C; c++) {
        double normed = (x.get(row, c) - mean) * rstd;
        double d = rstd * (dOut.get(row, c) * at(weight, c, 1) - dMean - normed * dDot / C);
        dX.set(row, c, addX ? dX.get(row, c) + d : d);
      }
    }
    store(weightSums, addParameters, dWeight);
    store(biasSums, addParameters, dBias);
  }

  private static void store(double[] sums, boolean add, Tensor gradient) {
    for (int c = 0; gradient != null && c < sums.length; c++) {
      gradient.set(0, c, add ? gradient.get(0, c) + sums[c] : sums[c]);
    }
  }

  @Override
  public void activation(Activation kind, int rows, Tensor x, Tensor bias, Tensor out) {
    int F = out.columns();
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < F; c++) {
        double u = x.get(row, c) + at(bias, c, 0);
        if (kind == Activation.SWIGLU) {
          double up = x.get(row, F + c) + at(bias, F + c, 0);
          out.set(row, c, u * sigmoid(u) * up);
        } else {
          out.set(row, c, activated(kind, u));
        }
      }
    }
  }

  @Override
  public void activationBackward(
      Activation kind,
      int rows,
      Tensor x,
      Tensor bias,
      Tensor dOut,
      Tensor dX,
      boolean addBias,
      Tensor dBias) {
    int F = dOut.columns();
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < F; c++) {
        double u = x.get(row, c) + at(bias, c, 0);
        double d = dOut.get(row, c);
        if (kind == Activation.SWIGLU) {
          double up = x.get(row, F + c) + at(bias, F + c, 0);
          double s = sigmoid(u);
          dX.set(row, c, d * up * (s + u * s * (1 - s)));
          dX.set(row, F + c, d * u * s);
        } else {
          dX.set(row, c, d * slope(kind, u));
        }
      }
    }
    if (dBias != null) {
      biasBackward(rows, dX, addBias, dBias);
    }
  }

  private static double activated(Activation kind, double x) {
    return switch (kind) {
      case GELU -> x * sigmoid(2 * geluArgument(x));
      case GELU_EXACT -> x * normalCdf(x);
      case RELU -> Math.max(x, 0);
      case RELU2 -> Math.max(x, 0) * Math.max(x, 0);
      case SWIGLU -> throw new IllegalArgumentException("swiglu has a gate");
    };
  }

  private static double slope(Activation kind, double x) {
    return switch (kind) {
      case GELU -> {
        double s = sigmoid(2 * geluArgument(x)); // (1 + tanh(u)) / 2
        double dArgument = GELU_SCALE * (1 + 3 * GELU_CUBE * x * x);
        yield s + x * s * (1 - s) * 2 * dArgument;
      }
      case GELU_EXACT -> normalCdf(x) + x * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
      case RELU -> x > 0 ? 1 : 0;
      case RELU2 -> 2 * Math.max(x, 0);
      case SWIGLU -> throw new IllegalArgumentException("swiglu has a gate");
    };
  }

  private static double geluArgument(double x) {
    return GELU_SCALE * (x + GELU_CUBE * x * x * x);
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  /** Cumulative normal distribution: commons-math's erf, exact to 1e-15. */
  private static double normalCdf(double x) {
    return 0.5 * org.apache.commons.math3.special.Erf.erfc(-x / Math.sqrt(2));
  }

  @Override
  public void rotary(
      int rows, int T, int past, int heads, Tensor angles, boolean inverse, Tensor x) {
    int D = angles.columns();
    for (int row = 0; row < rows; row++) {
      int position = past + row % T;
      for (int h = 0; h < heads; h++) {
        for (int d = 0; d < D / 2; d++) {
          double cosine = angles.get(position, d);
          double sine =
              inverse ? -angles.get(position, D / 2 + d) : angles.get(position, D / 2 + d);
          double first = x.get(row, h * D + d);
          double second = x.get(row, h * D + D / 2 + d);
          x.set(row, h * D + d, first * cosine - second * sine);
          x.set(row, h * D + D / 2 + d, second * cosine + first * sine);
        }
      }
    }
  }

  @Override
  public void dropout(int rows, Tensor x, Tensor bias, DropoutMask mask, Tensor out) {
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < x.columns(); c++) {
        float factor = mask.factor((long) row * x.columns() + c);
        out.set(row, c, (x.get(row, c) + at(bias, c, 0)) * factor);
      }
    }
  }

  @Override
  public void dropoutBackward(int rows, Tensor dOut, DropoutMask mask, Tensor dX) {
    dropout(rows, dOut, null, mask, dX);
  }

  @Override
  public void copy(int rows, Tensor from, Tensor to, int toRow) {
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < from.columns(); c++) {
        to.set(toRow + row, c, from.get(row, c));
      }
    }
  }

  @Override
  public void attention(
      int B,
      int T,
      int past,
      int H,
      int kvHeads,
      Tensor q,
      Tensor k,
      Tensor v,
      DropoutMask mask,
      Tensor out,
      Tensor logSums) {
    int D = q.columns() / H;
    double[] p = new double[past + T];
    for (int b = 0; b < B; b++) {
      for (int h = 0; h < H; h++) {
        int column = h / (H / kvHeads) * D;
        for (int t = 0; t < T; t++) {
          int length = past + t + 1;
          double logSum = scores(q, b * T + t, h * D, k, b * T, column, D, length, p);
          for (int s = 0; s < length; s++) {
            p[s] = Math.exp(p[s] - logSum) * kept(mask, b * H + h, t, s, T);
          }
          for (int d = 0; d < D; d++) {
            double sum = 0;
            for (int s = 0; s < length; s++) {
              sum += p[s] * v.get(b * T + s, column + d);
            }
            out.set(b * T + t, h * D + d, sum);
          }
          if (logSums != null) {
            logSums.set(b * H + h, t, logSum);
          }
        }
      }
    }
  }

  /** Fills p with the scaled scores of one query; returns the log of their exponentials' sum. */
  private static double scores(
      Tensor q,
      int row,
      int qColumn,
      Tensor k,
      int kRow,
      int column,
      int D,
      int length,
      double[] p) {
    double max = Double.NEGATIVE_INFINITY;
    for (int s = 0; s < length; s++) {
      double dot = 0;
      for (int d = 0; d < D; d++) {
        dot += q.get(row, qColumn + d) * k.get(kRow + s, column + d);
      }
      p[s] = dot / Math.sqrt(D);
      max = Math.max(max, p[s]);
    }
    double sum = 0;
    for (int s = 0; s < length; s++) {
      sum += Math.exp(p[s] - max);
    }
    return max + Math.log(sum);
  }

  private static float kept(DropoutMask mask, int head, int t, int s, int T) {
    return mask == null ? 1 : mask.factor(((long) head * T + t) * T + s);
  }

  @Override
  public void attentionBackward(
      int B,
      int T,
      int H,
      int kvHeads,
      Tensor dOut,
      Tensor q,
      Tensor k,
      Tensor v,
      DropoutMask mask,
      Tensor out,
      Tensor logSums,
      Tensor dQ,
      Tensor dK,
      Tensor dV) {
    int D = q.columns() / H;
    double[] p = new double[T];
    for (Tensor gradient : new Tensor[] {dQ, dK, dV}) {
      gradient.rows(0, B * T).zero();
    }
    for (int b = 0; b < B; b++) {
      for (int h = 0; h < H; h++) {
        int column = h / (H / kvHeads) * D;
        for (int t = 0; t < T; t++) {
          int row = b * T + t;
          double logSum = scores(q, row, h * D, k, b * T, column, D, t + 1, p);
          double mean = 0; // sum over s of p[s] * dP[s]
          for (int d = 0; d < D; d++) {
            mean += dOut.get(row, h * D + d) * out.get(row, h * D + d);
          }
          for (int s = 0; s <= t; s++) {
            double probability = Math.exp(p[s] - logSum);
            float factor = kept(mask, b * H + h, t, s, T);
            double dP = 0;
            for (int d = 0; d < D; d++) {
              double gradient = dOut.get(row, h * D + d);
              dP += gradient * v.get(b * T + s, column + d) * factor;
              dV.add(b * T + s, column + d, probability * factor * gradient);
            }
            double dScore = probability * (dP - mean) / Math.sqrt(D);
            for (int d = 0; d < D; d++) {
              dQ.add(row, h * D + d, dScore * k.get(b * T + s, column + d));
              dK.add(b * T + s, column + d, dScore * q.get(row, h * D + d));
            }
          }
        }
      }
    }
  }

  @Override
  public double crossEntropy(int rows, Tensor logits, Tensor targets, Tensor dLogits) {
    int V = logits.columns();
    int scored = 0;
    for (int row = 0; row < rows; row++) {
      scored += targets.get(row, 0) >= 0 ? 1 : 0;
    }
    double loss = 0;
    for (int row = 0; row < rows; row++) {
      int target = (int) targets.get(row, 0);
      double max = Double.NEGATIVE_INFINITY;
      for (int i = 0; i < V; i++) {
        max = Math.max(max, logits.get(row, i));
      }
      double sum = 0;
      for (int i = 0; i < V; i++) {
        sum += Math.exp(logits.get(row, i) - max);
      }
      if (target >= 0) {
        loss += max + Math.log(sum) - logits.get(row, target);
      }
      for (int i = 0; dLogits != null && i < V; i++) {
        double probability = Math.exp(logits.get(row, i) - max) / sum;
        double d = target < 0 ? 0 : (probability - (i == target ? 1 : 0)) / scored;
        dLogits.set(row, i, d);
      }
    }
    return scored == 0 ? 0 : loss / scored;
  }

  @Override
  public double sumOfSquares(Memory x, long length) {
    double sum = 0;
    for (long i = 0; i < length; i++) {
      sum += x.get(i) * x.get(i);
    }
    return sum;
  }

  @Override
  public void adamW(
      AdamStep step, long from, long to, Memory weights, Memory gradients, Memory m, Memory v) {
    for (long i = from; i < to; i++) {
      double g = gradients.get(i) * step.gradientScale();
      m.set(i, step.beta1() * m.get(i) + (1 - step.beta1()) * g);
      v.set(i, step.beta2() * v.get(i) + (1 - step.beta2()) * g * g);
      double root = Math.sqrt(v.get(i) * step.correction2()) + step.epsilon();
      double move = m.get(i) * step.correction1() / root + step.decay() * weights.get(i);
      weights.set(i, weights.get(i) - step.rate() * move);
    }
  }
}
