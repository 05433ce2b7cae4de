package org.pygpt.kernels.reference;

import static org.pygpt.tensor.HostMemory.add;
import static org.pygpt.tensor.HostMemory.get;
import static org.pygpt.tensor.HostMemory.set;

import java.util.stream.IntStream;
import org.pygpt.kernels.Activation;
import org.pygpt.kernels.AdamStep;
import org.pygpt.kernels.AttentionSpec;
import org.pygpt.kernels.CrossEntropy;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.Gradient;
import org.pygpt.kernels.Heads;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.MatMul;
import org.pygpt.kernels.Norm;
import org.pygpt.kernels.Positions;
import org.pygpt.kernels.Residual;
import org.pygpt.kernels.Rotation;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Device;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * The reference: scalar loops in double precision on tensors of any floating type. Each kernel is
 * derived in docs/maths.
 *
 * <p>Slow and obvious on purpose. Sums are carried in double and rounded once when stored, so on
 * float32 tensors it is more accurate than any fast backend, and on float64 tensors it is what
 * finite differences are compared with.
 */
public final class PlainKernels implements Kernels {
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

  /** These are the reference of what rounding does, and slow with any type. */
  @Override
  public void requireBfloat16() {}

  /** c[i, j] (+)= sum over p of op(a)[i, p] * op(b)[p, j]: (m, k) @ (k, n) -> (m, n). */
  @Override
  public void gemm(MatMul shape, Tensor a, Tensor b, Tensor c) {
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

  @Override
  public int rowsAlike() {
    return Integer.MAX_VALUE;
  }

  /** x[row, c] += bias[c]. */
  @Override
  public void bias(int rows, Tensor bias, Tensor x) {
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < x.columns(); c++) {
        add(x, row, c, get(bias, 0, c));
      }
    }
  }

  /** dBias[c] (+)= sum over rows of dX[row, c], since every row had the same bias added. */
  @Override
  public void biasBackward(int rows, Tensor dX, Gradient dBias) {
    for (int c = 0; c < dX.columns(); c++) {
      double sum = dBias.add() ? get(dBias.tensor(), 0, c) : 0;
      for (int row = 0; row < rows; row++) {
        sum += get(dX, row, c);
      }
      set(dBias.tensor(), 0, c, sum);
    }
  }

  /** out[row] = wte[ids[row]] + wpe[past + row % T]: (B * T, C). */
  @Override
  public void embedding(Positions positions, Tensor ids, Tensor wte, Tensor wpe, Tensor out) {
    for (int row = 0; row < positions.rows(); row++) {
      int id = (int) get(ids, row, 0);
      int position = positions.past() + row % positions.T();
      for (int c = 0; c < out.columns(); c++) {
        set(out, row, c, get(wte, id, c) + (wpe == null ? 0 : get(wpe, position, c)));
      }
    }
  }

  /** dWte[ids[row]] += dOut[row], dWpe[row % T] += dOut[row]: a token may occur many times. */
  @Override
  public void embeddingBackward(
      Positions positions, Tensor ids, Tensor dOut, Gradient dWte, Gradient dWpe) {
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

  /** sum = x + branch + bias: (rows, C). */
  @Override
  public void residual(int rows, Residual residual) {
    Tensor x = residual.x();
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < x.columns(); c++) {
        double sum = get(x, row, c) + get(residual.branch(), row, c);
        set(residual.sum(), row, c, sum + at(residual.bias(), c, 0));
      }
    }
  }

  /**
   * For each row: mean = sum(x) / C (0 in RMSNorm), rstd = 1 / sqrt(sum((x - mean)²) / C + ε),
   * normed = (x - mean) * rstd, out = normed * weight + bias.
   */
  @Override
  public void norm(int rows, Norm norm, Tensor x, Tensor out, Tensor statistics) {
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
  @Override
  public void normBackward(
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
    store(weightSums, dWeight);
    store(biasSums, dBias);
  }

  @Override
  public void activation(Activation kind, int rows, Tensor x, Tensor bias, Tensor out) {
    Activations.forward(kind, rows, x, bias, out);
  }

  @Override
  public void activationBackward(
      Activation kind, int rows, Tensor x, Tensor bias, Tensor dOut, Tensor dX, Gradient dBias) {
    Activations.backward(kind, rows, x, bias, dOut, dX);
    if (dBias != null) {
      biasBackward(rows, dX, dBias);
    }
  }

  @Override
  public void scale(int rows, double factor, Tensor x, Tensor out) {
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < x.columns(); c++) {
        set(out, row, c, factor * get(x, row, c));
      }
    }
  }

  /**
   * (first, second) = (first * cos - second * sin, second * cos + first * sin), each head's halves.
   */
  @Override
  public void rotary(Rotation rotation, Positions positions, Tensor x) {
    Tensor angles = rotation.angles();
    int D = rotation.D();
    int half = angles.columns() / 2;
    for (int row = 0; row < positions.rows(); row++) {
      int position = positions.past() + row % positions.T();
      for (int h = 0; h < rotation.heads(); h++) {
        for (int d = 0; d < half; d++) {
          double cosine = get(angles, position, d);
          double sine = get(angles, position, half + d) * (rotation.inverse() ? -1 : 1);
          double first = get(x, row, h * D + d);
          double second = get(x, row, h * D + half + d);
          set(x, row, h * D + d, first * cosine - second * sine);
          set(x, row, h * D + half + d, second * cosine + first * sine);
        }
      }
    }
  }

  @Override
  public void dropout(int rows, Tensor x, Tensor bias, DropoutMask mask, Tensor out) {
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < x.columns(); c++) {
        float factor = mask.factor((long) row * x.columns() + c); // 0 or 1 / (1 - p)
        set(out, row, c, (get(x, row, c) + at(bias, c, 0)) * factor);
      }
    }
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
      AttentionSpec spec, Heads in, DropoutMask mask, Tensor out, Tensor logsumexp) {
    new Attention(spec, in, mask).forward(out, logsumexp);
  }

  @Override
  public void attentionBackward(
      AttentionSpec spec,
      Heads in,
      DropoutMask mask,
      Tensor out,
      Tensor logsumexp,
      Tensor dOut,
      Heads gradients) {
    new Attention(spec, in, mask).backward(out, dOut, gradients);
  }

  /**
   * For each row: loss = log(sum over i of e^logits[i]) - logits[target], dLogits = weight *
   * (softmax(logits) - onehot(target)); returns the sum of weight * loss.
   */
  @Override
  public double crossEntropy(int rows, Tensor logits, CrossEntropy spec) {
    long scored = IntStream.range(0, rows).filter(row -> get(spec.targets(), row, 0) >= 0).count();
    boolean isMean = spec.weights() == null;
    double divisor = isMean ? Math.max(1, scored) : 1;
    double share = isMean ? spec.share() : 1;
    double total = 0;
    for (int row = 0; row < rows; row++) {
      int target = (int) get(spec.targets(), row, 0);
      double weight = target < 0 ? 0 : isMean ? 1 : get(spec.weights(), row, 0);
      double max = Double.NEGATIVE_INFINITY; // so that nothing overflows
      for (int i = 0; i < logits.columns(); i++) {
        max = Math.max(max, get(logits, row, i));
      }
      double sum = 0;
      for (int i = 0; i < logits.columns(); i++) {
        sum += Math.exp(get(logits, row, i) - max);
      }
      double loss = target < 0 ? 0 : max + Math.log(sum) - get(logits, row, target);
      total += weight * loss;
      if (spec.losses() != null) {
        set(spec.losses(), row, 0, loss);
      }
      for (int i = 0; spec.dLogits() != null && i < logits.columns(); i++) {
        double probability = Math.exp(get(logits, row, i) - max) / sum;
        double slope = weight * (probability - (i == target ? 1 : 0));
        set(spec.dLogits(), row, i, share * slope / divisor);
      }
    }
    return total / divisor;
  }

  @Override
  public int squaresBlock() {
    return 1;
  }

  @Override
  public double sumOfSquares(Flat x) {
    double sum = 0;
    for (long i = 0; i < x.length(); i++) {
      sum += at(x, i) * at(x, i);
    }
    return sum;
  }

  /** m = β1 m + (1 - β1) g, v = β2 v + (1 - β2) g², weights -= rate (m̂ / (sqrt(v̂) + ε) + λ w). */
  @Override
  public void adamW(AdamStep step, Flat weights, Flat gradients, Flat m, Flat v) {
    for (long i = 0; i < weights.length(); i++) {
      double g = at(gradients, i) * step.gradientScale();
      int random = m.dtype() == DType.BFLOAT16 ? step.randomBits(i) : 0;
      double first = moved(m, i, step.beta1() * at(m, i) + (1 - step.beta1()) * g, random);
      double second =
          moved(v, i, step.beta2() * at(v, i) + (1 - step.beta2()) * g * g, random >>> 16);
      double root = Math.sqrt(second * step.correction2()) + step.epsilon();
      double move = first * step.correction1() / root + step.decay() * at(weights, i);
      put(weights, i, at(weights, i) - step.learningRate() * move);
    }
  }

  /** Stores a moment, bfloat16 by random bits; returns what moves the weight. */
  private static double moved(Flat moment, long index, double value, int random) {
    if (moment.dtype() != DType.BFLOAT16) {
      put(moment, index, value);
      return at(moment, index);
    }
    put(moment, index, DType.fromBfloat16(DType.toBfloat16((float) value, random)));
    return value;
  }

  @Override
  public void addScaled(double factor, Flat x, Flat to, boolean add, boolean rounded) {
    for (long i = 0; i < to.length(); i++) {
      put(to, i, (add ? at(to, i) : 0) + factor * at(x, i));
      if (rounded) {
        put(to, i, DType.fromBfloat16(DType.toBfloat16((float) at(to, i))));
      }
    }
  }

  private static double at(Flat x, long index) {
    return ((HostMemory) x.memory()).get(x.dtype(), x.from() + index);
  }

  private static void put(Flat x, long index, double value) {
    ((HostMemory) x.memory()).set(x.dtype(), x.from() + index, value);
  }

  /** Stores the gradient of a vector, or adds it; nothing where nobody wants it. */
  private static void store(double[] sums, Gradient gradient) {
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
