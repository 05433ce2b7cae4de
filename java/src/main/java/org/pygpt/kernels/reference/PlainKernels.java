package org.pygpt.kernels.reference;

import static org.pygpt.tensor.HostMemory.add;
import static org.pygpt.tensor.HostMemory.get;
import static org.pygpt.tensor.HostMemory.set;

import org.pygpt.kernels.Activation;
import org.pygpt.kernels.AdamStep;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.NormSpec;
import org.pygpt.tensor.Device;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
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
  public Device device() {
    return HostDevice.host();
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
        double sum = add ? get(c, i, j) : 0;
        for (int p = 0; p < k; p++) {
          sum +=
              (transposeA ? get(a, p, i) : get(a, i, p))
                  * (transposeB ? get(b, j, p) : get(b, p, j));
        }
        set(c, i, j, sum);
      }
    }
  }

  @Override
  public void bias(int rows, Tensor bias, Tensor x) {
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < x.columns(); c++) {
        add(x, row, c, get(bias, 0, c));
      }
    }
  }

  @Override
  public void biasBackward(int rows, Tensor dX, boolean add, Tensor dBias) {
    for (int c = 0; c < dX.columns(); c++) {
      double sum = add ? get(dBias, 0, c) : 0;
      for (int row = 0; row < rows; row++) {
        sum += get(dX, row, c);
      }
      set(dBias, 0, c, sum);
    }
  }

  @Override
  public void embedding(int B, int T, int past, Tensor ids, Tensor wte, Tensor wpe, Tensor out) {
    for (int row = 0; row < B * T; row++) {
      int id = (int) get(ids, row, 0);
      for (int c = 0; c < out.columns(); c++) {
        set(out, row, c, get(wte, id, c) + (wpe == null ? 0 : get(wpe, past + row % T, c)));
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
    if (dWte != null && !addWte) {
      dWte.zero();
    }
    if (dWpe != null && !addWpe) {
      dWpe.zero();
    }
    for (int row = 0; row < B * T; row++) {
      int id = (int) get(ids, row, 0);
      for (int c = 0; c < dOut.columns(); c++) {
        if (dWte != null) {
          add(dWte, id, c, get(dOut, row, c));
        }
        if (dWpe != null) {
          add(dWpe, row % T, c, get(dOut, row, c));
        }
      }
    }
  }

  @Override
  public void residual(int rows, Tensor x, Tensor branch, Tensor bias, Tensor sum) {
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < x.columns(); c++) {
        set(sum, row, c, get(x, row, c) + get(branch, row, c) + at(bias, c, 0));
      }
    }
  }

  /** Element c of a vector, or {@code otherwise} where there is none. */
  private static double at(Tensor vector, int c, double otherwise) {
    return vector == null ? otherwise : get(vector, 0, c);
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
        sum += get(x, row, c);
      }
      double mean = spec.centred() ? sum / C : 0;
      double squares = 0;
      for (int c = 0; c < C; c++) {
        double centred = get(x, row, c) - mean;
        squares += centred * centred;
      }
      double rstd = 1 / Math.sqrt(squares / C + spec.epsilon());
      for (int c = 0; c < C; c++) {
        double normed = (get(x, row, c) - mean) * rstd;
        set(out, row, c, normed * at(weight, c, 1) + at(bias, c, 0));
      }
      set(statistics, row, 0, mean);
      set(statistics, row, 1, rstd);
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
      double mean = get(statistics, row, 0);
      double rstd = get(statistics, row, 1);
      double dSum = 0;
      double dDot = 0;
      for (int c = 0; c < C; c++) {
        double normed = (get(x, row, c) - mean) * rstd;
        double dNormed = get(dOut, row, c) * at(weight, c, 1);
        dSum += dNormed;
        dDot += dNormed * normed;
        weightSums[c] += get(dOut, row, c) * normed;
        biasSums[c] += get(dOut, row, c);
      }
      double dMean = spec.centred() ? dSum / C : 0;
      for (int c = 0; c < C; c++) {
        double normed = (get(x, row, c) - mean) * rstd;
        double d = rstd * (get(dOut, row, c) * at(weight, c, 1) - dMean - normed * dDot / C);
        set(dX, row, c, addX ? get(dX, row, c) + d : d);
      }
    }
    store(weightSums, addParameters, dWeight);
    store(biasSums, addParameters, dBias);
  }

  private static void store(double[] sums, boolean add, Tensor gradient) {
    for (int c = 0; gradient != null && c < sums.length; c++) {
      set(gradient, 0, c, add ? get(gradient, 0, c) + sums[c] : sums[c]);
    }
  }

  @Override
  public void activation(Activation kind, int rows, Tensor x, Tensor bias, Tensor out) {
    int F = out.columns();
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < F; c++) {
        double u = get(x, row, c) + at(bias, c, 0);
        if (kind == Activation.SWIGLU) {
          double up = get(x, row, F + c) + at(bias, F + c, 0);
          set(out, row, c, u * sigmoid(u) * up);
        } else {
          set(out, row, c, activated(kind, u));
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
        double u = get(x, row, c) + at(bias, c, 0);
        double d = get(dOut, row, c);
        if (kind == Activation.SWIGLU) {
          double up = get(x, row, F + c) + at(bias, F + c, 0);
          double s = sigmoid(u);
          set(dX, row, c, d * up * (s + u * s * (1 - s)));
          set(dX, row, F + c, d * u * s);
        } else {
          set(dX, row, c, d * slope(kind, u));
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
          double cosine = get(angles, position, d);
          double sine =
              inverse ? -get(angles, position, D / 2 + d) : get(angles, position, D / 2 + d);
          double first = get(x, row, h * D + d);
          double second = get(x, row, h * D + D / 2 + d);
          set(x, row, h * D + d, first * cosine - second * sine);
          set(x, row, h * D + D / 2 + d, second * cosine + first * sine);
        }
      }
    }
  }

  @Override
  public void dropout(int rows, Tensor x, Tensor bias, DropoutMask mask, Tensor out) {
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < x.columns(); c++) {
        float factor = mask.factor((long) row * x.columns() + c);
        set(out, row, c, (get(x, row, c) + at(bias, c, 0)) * factor);
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
        set(to, toRow + row, c, get(from, row, c));
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
              sum += p[s] * get(v, b * T + s, column + d);
            }
            set(out, b * T + t, h * D + d, sum);
          }
          if (logSums != null) {
            set(logSums, b * H + h, t, logSum);
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
        dot += get(q, row, qColumn + d) * get(k, kRow + s, column + d);
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
            mean += get(dOut, row, h * D + d) * get(out, row, h * D + d);
          }
          for (int s = 0; s <= t; s++) {
            double probability = Math.exp(p[s] - logSum);
            float factor = kept(mask, b * H + h, t, s, T);
            double dP = 0;
            for (int d = 0; d < D; d++) {
              double gradient = get(dOut, row, h * D + d);
              dP += gradient * get(v, b * T + s, column + d) * factor;
              add(dV, b * T + s, column + d, probability * factor * gradient);
            }
            double dScore = probability * (dP - mean) / Math.sqrt(D);
            for (int d = 0; d < D; d++) {
              add(dQ, row, h * D + d, dScore * get(k, b * T + s, column + d));
              add(dK, b * T + s, column + d, dScore * get(q, row, h * D + d));
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
      scored += get(targets, row, 0) >= 0 ? 1 : 0;
    }
    double loss = 0;
    for (int row = 0; row < rows; row++) {
      int target = (int) get(targets, row, 0);
      double max = Double.NEGATIVE_INFINITY;
      for (int i = 0; i < V; i++) {
        max = Math.max(max, get(logits, row, i));
      }
      double sum = 0;
      for (int i = 0; i < V; i++) {
        sum += Math.exp(get(logits, row, i) - max);
      }
      if (target >= 0) {
        loss += max + Math.log(sum) - get(logits, row, target);
      }
      for (int i = 0; dLogits != null && i < V; i++) {
        double probability = Math.exp(get(logits, row, i) - max) / sum;
        double d = target < 0 ? 0 : (probability - (i == target ? 1 : 0)) / scored;
        set(dLogits, row, i, d);
      }
    }
    return scored == 0 ? 0 : loss / scored;
  }

  @Override
  public int squaresBlock() {
    return 1;
  }

  @Override
  public double sumOfSquares(Flat x) {
    double sum = 0;
    for (long i = 0; i < x.length(); i++) {
      double element = at(x, i);
      sum += element * element;
    }
    return sum;
  }

  @Override
  public void adamW(AdamStep step, Flat weights, Flat gradients, Flat m, Flat v) {
    for (long i = 0; i < weights.length(); i++) {
      double g = at(gradients, i) * step.gradientScale();
      put(m, i, step.beta1() * at(m, i) + (1 - step.beta1()) * g);
      put(v, i, step.beta2() * at(v, i) + (1 - step.beta2()) * g * g);
      double root = Math.sqrt(at(v, i) * step.correction2()) + step.epsilon();
      double move = at(m, i) * step.correction1() / root + step.decay() * at(weights, i);
      put(weights, i, at(weights, i) - step.rate() * move);
    }
  }

  private static double at(Flat x, long index) {
    return ((HostMemory) x.memory()).get(x.dtype(), x.from() + index);
  }

  private static void put(Flat x, long index, double value) {
    ((HostMemory) x.memory()).set(x.dtype(), x.from() + index, value);
  }
}
