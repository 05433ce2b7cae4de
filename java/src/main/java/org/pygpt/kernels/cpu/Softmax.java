package org.pygpt.kernels.cpu;

import static org.pygpt.kernels.cpu.VectorMath.LANES;
import static org.pygpt.kernels.cpu.VectorMath.load;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Softmax of transposed scores: an array with a row for each key, of {@code width} floats, one for
 * each query.
 *
 * <p>With queries side by side, maxima and sums over keys need no step across lanes. The width is a
 * multiple of the lanes; queries that are missing at the end are computed along and ignored.
 */
final class Softmax {
  /** What masked scores get: their exponential is 0, and no difference overflows. */
  private static final float MASKED = -1e30f;

  private Softmax() {}

  /**
   * Masks the keys that a query does not see: query 0 sees {@code visible} of them, each other one
   * more than the query before it. Nothing is masked where query 0 sees all.
   */
  static void mask(float[] scores, int width, int keys, int visible) {
    for (int s = visible; s < keys; s++) {
      Arrays.fill(scores, s * width, s * width + s - visible + 1, MASKED);
    }
  }

  /**
   * Masks the keys before the window of each query: those before {@code last} for the last query,
   * one less for each query before it.
   */
  static void maskPast(float[] scores, int width, int queries, int last) {
    for (int s = 0; s < last; s++) {
      int from = s * width + Math.max(0, s + queries - last);
      Arrays.fill(scores, from, s * width + queries, MASKED);
    }
  }

  /** Masks all keys of a single query before {@code first}. */
  static void maskPast(float[] scores, int first) {
    Arrays.fill(scores, 0, first, MASKED);
  }

  /**
   * scores = softmax(scale * scores) of each query.
   *
   * @param logsumexp receives the logarithm of each query's sum of exponentials
   */
  static void forward(
      boolean vectors,
      float[] scores,
      int width,
      int keys,
      int queries,
      float scale,
      float[] logsumexp) {
    int bound = vectors ? (queries + LANES - 1) / LANES * LANES : 0;
    for (int t = 0; t < bound; t += LANES) {
      vectorMax(scores, width, keys, t, logsumexp);
      vectorExponentials(scores, width, keys, t, scale, logsumexp);
    }
    for (int t = bound; t < queries; t++) {
      float max = scores[t];
      for (int s = 1; s < keys; s++) {
        float score = scores[s * width + t];
        max = score > max ? score : max;
      }
      float sum = 0;
      for (int s = 0; s < keys; s++) {
        float e = VectorMath.exp((scores[s * width + t] - max) * scale);
        scores[s * width + t] = e;
        sum += e;
      }
      float inverse = 1 / sum;
      for (int s = 0; s < keys; s++) {
        scores[s * width + t] *= inverse;
      }
      logsumexp[t] = max * scale + (float) Math.log(sum);
    }
  }

  /** Two maxima, of every other key, so that comparisons need not wait for each other. */
  private static void vectorMax(float[] scores, int width, int keys, int t, float[] maxima) {
    FloatVector even = load(scores, t);
    FloatVector odd = even;
    int last = (keys - 1) * width + t;
    for (int at = t; at <= last; at += 2 * width) {
      even = larger(load(scores, at), even);
      odd = larger(load(scores, Math.min(at + width, last)), odd);
    }
    larger(odd, even).intoArray(maxima, t);
  }

  /** The larger of two; a NaN of {@code x} is ignored, and is found by its exponential. */
  private static FloatVector larger(FloatVector x, FloatVector max) {
    return max.blend(x, x.compare(VectorOperators.GT, max)); // max() takes half a dozen steps
  }

  /** Exponentials divided by their sums; replaces maxima by logarithms of the sums. */
  private static void vectorExponentials(
      float[] scores, int width, int keys, int t, float scale, float[] logsumexp) {
    FloatVector max = load(logsumexp, t);
    FloatVector sum = VectorMath.broadcast(0);
    for (int s = 0; s < keys; s++) {
      FloatVector e = VectorMath.exp(load(scores, s * width + t).sub(max).mul(scale));
      e.intoArray(scores, s * width + t);
      sum = sum.add(e);
    }
    FloatVector inverse = VectorMath.ONE.div(sum);
    for (int s = 0; s < keys; s++) {
      load(scores, s * width + t).mul(inverse).intoArray(scores, s * width + t);
    }
    for (int lane = 0; lane < LANES; lane++) {
      logsumexp[t + lane] = logsumexp[t + lane] * scale + (float) Math.log(sum.lane(lane));
    }
  }

  /**
   * Gradient of {@link #forward}: scores become probabilities again, and gradients, those with
   * respect to the probabilities, become those with respect to the scores before scaling.
   */
  static void backward(
      boolean vectors,
      float[] scores,
      float[] gradients,
      int width,
      int keys,
      int queries,
      float scale,
      float[] logsumexp) {
    int bound = vectors ? (queries + LANES - 1) / LANES * LANES : 0;
    for (int t = 0; t < bound; t += LANES) {
      vectorProbabilities(scores, width, keys, t, scale, logsumexp);
      vectorScoreGradients(scores, gradients, width, keys, t, scale);
    }
    for (int t = bound; t < queries; t++) {
      float mean = 0;
      for (int s = 0; s < keys; s++) {
        float p = VectorMath.exp(scores[s * width + t] * scale - logsumexp[t]);
        scores[s * width + t] = p;
        mean = Math.fma(p, gradients[s * width + t], mean);
      }
      for (int s = 0; s < keys; s++) {
        float d = gradients[s * width + t] - mean;
        gradients[s * width + t] = d * scores[s * width + t] * scale;
      }
    }
  }

  private static void vectorProbabilities(
      float[] scores, int width, int keys, int t, float scale, float[] logsumexp) {
    FloatVector sums = load(logsumexp, t);
    for (int s = 0; s < keys; s++) {
      FloatVector x = load(scores, s * width + t).mul(scale).sub(sums);
      VectorMath.exp(x).intoArray(scores, s * width + t);
    }
  }

  private static void vectorScoreGradients(
      float[] p, float[] gradients, int width, int keys, int t, float scale) {
    FloatVector mean = VectorMath.broadcast(0);
    for (int s = 0; s < keys; s++) {
      mean = load(p, s * width + t).fma(load(gradients, s * width + t), mean);
    }
    for (int s = 0; s < keys; s++) {
      FloatVector d = load(gradients, s * width + t).sub(mean);
      d.mul(load(p, s * width + t)).mul(scale).intoArray(gradients, s * width + t);
    }
  }
}
