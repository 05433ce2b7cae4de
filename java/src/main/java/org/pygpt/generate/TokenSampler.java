package org.pygpt.generate;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;

/**
 * Mutable (its scratch memory): chooses a token by its logits; the random number is given to it.
 */
final class TokenSampler {
  private final float[] read; // a row of float32 logits
  private final double[] scores;
  private final Softmax softmax;
  private final Candidates candidates;

  /**
   * A token that was chosen.
   *
   * @param logProbability natural logarithm of the probability that the model itself gives it
   * @param topTokens the likeliest tokens by the model itself, likeliest first
   * @param topLogProbabilities natural logarithms of their probabilities
   */
  record Choice(int token, double logProbability, int[] topTokens, double[] topLogProbabilities) {}

  /** For logits of {@code V} tokens. */
  TokenSampler(int V) {
    read = new float[V];
    scores = new double[V];
    softmax = new Softmax(V);
    candidates = new Candidates(V);
  }

  /**
   * Chooses a token.
   *
   * @param logits (rows, V), of which row {@code row} is read
   * @param seen the tokens that the penalty is for; not read if there is none
   * @param uniform in [0, 1): the token whose share of the cumulative probability holds it is
   *     taken; not read if the temperature is 0
   * @param topCount how many of the likeliest tokens are told beside the chosen one; at most V
   * @throws ArithmeticException if a logit is no number, or none is finite
   */
  Choice choose(
      Tensor logits, int row, SamplingOptions options, BitSet seen, double uniform, int topCount) {
    return choose(logits, row, options, seen, null, uniform, topCount);
  }

  /**
   * Chooses a token that is not among some; else as the other method.
   *
   * @param never the tokens that are not chosen, but some of V; null for none
   */
  Choice choose(
      Tensor logits,
      int row,
      SamplingOptions options,
      BitSet seen,
      BitSet never,
      double uniform,
      int topCount) {
    readRow(logits, row);
    int chosen = likeliest();
    double max = scores[chosen];
    double sum = softmax.weigh(scores, max, 1);
    if (Double.isNaN(sum)) {
      throw new ArithmeticException("logits: expected numbers, got others; look at the weights");
    }
    double logSum = max + Math.log(sum);
    int[] top = TopTokens.of(scores, topCount);
    double[] topValues = Arrays.stream(top).mapToDouble(i -> scores[i] - logSum).toArray();
    boolean penalized = options.repetitionPenalty() != 1;
    if (penalized) {
      penalize(seen, options.repetitionPenalty());
    }
    if (never != null) {
      never.stream().forEach(i -> scores[i] = Double.NEGATIVE_INFINITY);
    }
    if (penalized || never != null) {
      chosen = likeliest();
    }
    if (options.isRandom()) {
      if (penalized
          || never != null
          || options.temperature() != 1) { // else the weights are the model's own
        sum = softmax.weigh(scores, scores[chosen], options.temperature());
      }
      if (!options.keepsAll()) {
        sum = candidates.keep(softmax.weights(), sum, options);
      }
      chosen = softmax.pick(uniform * sum);
    }
    double[] logit = {scores[chosen]};
    if (penalized) {
      logits.columns(chosen, 1).readRow(row, logit); // as the model has it
    }
    return new Choice(chosen, logit[0] - logSum, top, topValues);
  }

  private void readRow(Tensor logits, int row) {
    if (logits.dtype() != DType.FLOAT32) {
      logits.readRow(row, scores);
      return;
    }
    logits.read(row, MemorySegment.ofArray(read));
    for (int i = 0; i < read.length; i++) {
      scores[i] = read[i];
    }
  }

  private int likeliest() {
    int best = 0;
    for (int i = 1; i < scores.length; i++) {
      best = scores[i] > scores[best] ? i : best;
    }
    return best;
  }

  private void penalize(BitSet seen, double penalty) {
    for (int i = seen.nextSetBit(0); i >= 0; i = seen.nextSetBit(i + 1)) {
      scores[i] = scores[i] > 0 ? scores[i] / penalty : scores[i] * penalty;
    }
  }
}
