package org.pygpt.kernels.reference;

import java.util.Arrays;
import org.pygpt.kernels.NegativeSampling;

/**
 * word2vec's step in plain loops, in double precision: the reference.
 *
 * <p>The loss of a target is -log(sigmoid(x . y)) for label 1 and -log(1 - sigmoid(x . y)) for
 * label 0; its derivative by x . y is sigmoid(x . y) - label for both.
 */
public final class PlainNegativeSampling implements NegativeSampling {
  private final int begin;
  private final int end;
  private final float[] inputs;
  private final float[] outputs;
  private double[][] means = {}; // (steps, columns)

  /** The kernel of part {@code index} of the columns of vectors of this size. */
  public PlainNegativeSampling(int size, int words, int index, int parts) {
    begin = (int) ((long) size * index / parts);
    end = (int) ((long) size * (index + 1) / parts);
    inputs = new float[Math.multiplyExact(words, end - begin)];
    outputs = new float[inputs.length];
  }

  @Override
  public int begin() {
    return begin;
  }

  @Override
  public int end() {
    return end;
  }

  @Override
  public int row(int word) {
    return word * (end - begin);
  }

  @Override
  public float[] inputs() {
    return inputs;
  }

  @Override
  public float[] outputs() {
    return outputs;
  }

  @Override
  public void look(Batch batch, float[] dots) {
    int n = end - begin;
    means = new double[batch.last() - batch.first()][n];
    for (int step = batch.first(); step < batch.last(); step++) {
      double[] x = means[step - batch.first()];
      int from = batch.firstInputs()[step];
      int to = batch.firstInputs()[step + 1];
      for (int c = 0; c < n; c++) {
        for (int i = from; i < to; i++) {
          x[c] += inputs[row(batch.inputs()[i]) + c];
        }
        x[c] /= to - from;
      }
      for (int t = batch.firstTargets()[step]; t < batch.firstTargets()[step + 1]; t++) {
        int output = row(batch.targets()[t] >>> 1);
        double dot = 0;
        for (int c = 0; c < n; c++) {
          dot += x[c] * outputs[output + c];
        }
        dots[t - batch.begin()] = (float) dot;
      }
    }
  }

  @Override
  public void move(Batch batch, float[][] dots, float rate) {
    int n = end - begin;
    double[] gradient = new double[n];
    for (int step = batch.first(); step < batch.last(); step++) {
      Arrays.fill(gradient, 0);
      double[] x = means[step - batch.first()];
      for (int t = batch.firstTargets()[step]; t < batch.firstTargets()[step + 1]; t++) {
        double g = rate * ((batch.targets()[t] & 1) - sigmoid(dots, t - batch.begin()));
        int output = row(batch.targets()[t] >>> 1);
        for (int c = 0; c < n; c++) {
          double y = outputs[output + c];
          gradient[c] += g * y;
          outputs[output + c] = (float) (y + g * x[c]);
        }
      }
      for (int i = batch.firstInputs()[step]; i < batch.firstInputs()[step + 1]; i++) {
        int input = row(batch.inputs()[i]);
        for (int c = 0; c < n; c++) {
          inputs[input + c] = (float) (inputs[input + c] + gradient[c]);
        }
      }
    }
  }

  /** Of the sum of all parts of a dot product. */
  private static double sigmoid(float[][] dots, int at) {
    double dot = 0;
    for (float[] part : dots) {
      dot += part[at];
    }
    return 1 / (1 + Math.exp(-dot));
  }
}
