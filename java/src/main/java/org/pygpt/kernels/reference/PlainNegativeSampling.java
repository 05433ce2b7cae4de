package org.pygpt.kernels.reference;

import org.pygpt.kernels.NegativeSampling;

/**
 * word2vec's step in plain loops, in double precision: the reference.
 *
 * <p>The loss of a target is -log(sigmoid(x . y)) for label 1 and -log(1 - sigmoid(x . y)) for
 * label 0; its derivative by x . y is sigmoid(x . y) - label for both.
 */
public final class PlainNegativeSampling implements NegativeSampling {
  private final int size;

  /** A kernel for vectors of this size, whose rows have no gaps. */
  public PlainNegativeSampling(int size) {
    this.size = size;
  }

  @Override
  public int width() {
    return size;
  }

  @Override
  public int row(int id) {
    return id * size;
  }

  @Override
  public void step(
      float[] inputs,
      int input,
      float[] outputs,
      int[] targets,
      int from,
      int to,
      float rate,
      float[] gradient,
      int at) {
    double[] dInput = new double[size];
    for (int t = from; t < to; t++) {
      int output = (targets[t] >>> 1) * size;
      int label = targets[t] & 1;
      double dot = 0;
      for (int i = 0; i < size; i++) {
        dot += (double) inputs[input + i] * outputs[output + i];
      }
      double g = rate * (label - 1 / (1 + Math.exp(-dot)));
      for (int i = 0; i < size; i++) {
        double y = outputs[output + i];
        dInput[i] += g * y;
        outputs[output + i] = (float) (y + g * inputs[input + i]);
      }
    }
    for (int i = 0; i < size; i++) {
      gradient[at + i] = (float) dInput[i];
    }
  }

  @Override
  public void add(float[] from, int i, float[] to, int j, int n) {
    for (int c = 0; c < n; c++) {
      to[j + c] += from[i + c];
    }
  }

  @Override
  public void mean(
      float[] rows, int[] ids, int from, int to, int column, float[] out, int at, int n) {
    for (int c = 0; c < n; c++) {
      double sum = 0;
      for (int i = from; i < to; i++) {
        sum += rows[ids[i] * size + column + c];
      }
      out[at + c] = (float) (sum / (to - from));
    }
  }

  @Override
  public void addToAll(
      float[] gradient, int at, float[] rows, int[] ids, int from, int to, int column, int n) {
    for (int i = from; i < to; i++) {
      add(gradient, at, rows, ids[i] * size + column, n);
    }
  }

  @Override
  public int column(int index, int parts) {
    return (int) ((long) size * index / parts);
  }
}
