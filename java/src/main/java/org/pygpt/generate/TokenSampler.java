package org.pygpt.generate;

import java.util.Arrays;
import java.util.BitSet;
import org.pygpt.tensor.Tensor;

/** Mutable (its scratch memory): chooses a token by its logits. */
final class TokenSampler {
  private static final double LOWEST_EXPONENT = -768; // e to it is 0 in double precision

  private final SamplingOptions sampling;
  private final double[] scores;
  private final double[] weights;
  private final double[] sorted;
  private final TopTokens topK;
  private final TopTokens top;
  private double logProbability;
  private int[] topTokens;
  private double[] topLogProbabilities;

  /**
   * For logits of {@code V} tokens.
   *
   * @param topCount how many of the likeliest tokens are told beside the chosen one; at most V
   */
  TokenSampler(SamplingOptions sampling, int V, int topCount) {
    this.sampling = sampling;
    scores = new double[V];
    weights = new double[V];
    sorted = new double[V];
    topK = new TopTokens(Math.min(sampling.topK(), V));
    top = new TopTokens(topCount);
  }

  /** Whether {@link #choose} reads its random number. */
  boolean isRandom() {
    return sampling.temperature() > 0;
  }

  /** Natural logarithm of the probability that the model itself gives the token chosen last. */
  double logProbability() {
    return logProbability;
  }

  /** The likeliest tokens by the model itself when a token was chosen last, likeliest first. */
  int[] topTokens() {
    return topTokens;
  }

  /** Natural logarithms of their probabilities. */
  double[] topLogProbabilities() {
    return topLogProbabilities;
  }

  /**
   * Chooses a token.
   *
   * @param logits (rows, V), of which row {@code row} is read
   * @param seen the tokens that the penalty is for
   * @param uniform in [0, 1): the token whose share of the cumulative probability holds it is taken
   * @throws ArithmeticException if a logit is no number, or none is finite
   */
  int choose(Tensor logits, int row, BitSet seen, double uniform) {
    logits.readRow(row, scores);
    int best = likeliest();
    double max = scores[best];
    double sum = weigh(max, 1);
    if (Double.isNaN(sum)) {
      throw new ArithmeticException("logits: expected numbers, got others; look at the weights");
    }
    double logSum = max + Math.log(sum);
    topTokens = top.of(scores);
    topLogProbabilities = Arrays.stream(topTokens).mapToDouble(i -> scores[i] - logSum).toArray();
    if (sampling.repetitionPenalty() != 1) {
      penalize(seen);
      best = likeliest();
    }
    int chosen = best;
    if (isRandom()) {
      chosen = draw(uniform, isPlain() ? sum : weigh(scores[best], sampling.temperature()));
    }
    double[] logit = new double[1]; // as the model has it, without the penalty
    logits.columns(chosen, 1).readRow(row, logit);
    logProbability = logit[0] - logSum;
    return chosen;
  }

  /** Whether tokens are drawn by the model's own probabilities, which the weights are at first. */
  private boolean isPlain() {
    return sampling.temperature() == 1 && sampling.repetitionPenalty() == 1;
  }

  /** Turns the scores, whose largest is given, into weights of at most 1; returns the sum. */
  private double weigh(double max, double temperature) {
    for (int i = 0; i < scores.length; i++) {
      weights[i] = exp((scores[i] - max) / temperature);
    }
    double sum = 0;
    for (double weight : weights) {
      sum += weight;
    }
    return sum;
  }

  /**
   * e^x for x of at most 0, to 1e-12 of it down to -708; 1 for 0, 0 below -746. As (e^(x /
   * 1024))^1024, by Taylor's series, it has nothing but products and sums, of which C2 makes
   * vectors: a vocabulary of 50,257 takes a quarter of the time of {@link Math#exp}.
   */
  static double exp(double x) {
    double r = Math.max(x, LOWEST_EXPONENT) / 1024; // in [-0.75, 0]
    double p = 1 / 20922789888000.0;
    p = Math.fma(p, r, 1 / 1307674368000.0);
    p = Math.fma(p, r, 1 / 87178291200.0);
    p = Math.fma(p, r, 1 / 6227020800.0);
    p = Math.fma(p, r, 1 / 479001600.0);
    p = Math.fma(p, r, 1 / 39916800.0);
    p = Math.fma(p, r, 1 / 3628800.0);
    p = Math.fma(p, r, 1 / 362880.0);
    p = Math.fma(p, r, 1 / 40320.0);
    p = Math.fma(p, r, 1 / 5040.0);
    p = Math.fma(p, r, 1 / 720.0);
    p = Math.fma(p, r, 1 / 120.0);
    p = Math.fma(p, r, 1 / 24.0);
    p = Math.fma(p, r, 1 / 6.0);
    p = Math.fma(p, r, 1 / 2.0);
    p = Math.fma(p, r, 1);
    p = Math.fma(p, r, 1);
    p *= p; // written out: C2 makes no vectors of a loop with another one inside
    p *= p;
    p *= p;
    p *= p;
    p *= p;
    p *= p;
    p *= p;
    p *= p;
    p *= p;
    return p * p;
  }

  private int likeliest() {
    int best = 0;
    for (int i = 1; i < scores.length; i++) {
      best = scores[i] > scores[best] ? i : best;
    }
    return best;
  }

  private void penalize(BitSet seen) {
    double penalty = sampling.repetitionPenalty();
    for (int i = seen.nextSetBit(0); i >= 0; i = seen.nextSetBit(i + 1)) {
      scores[i] = scores[i] > 0 ? scores[i] / penalty : scores[i] * penalty;
    }
  }

  /** Draws a token by the weights, which have this sum. */
  private int draw(double uniform, double sum) {
    return pick(uniform * (sampling.keepsAll() ? sum : keep(sum)));
  }

  /** The token at which the cumulative weight rises above the point. */
  private int pick(double point) {
    double cumulative = 0;
    int last = 0;
    for (int i = 0; i < weights.length; i++) {
      if (weights[i] > 0) {
        cumulative += weights[i];
        last = i;
        if (point < cumulative) {
          break;
        }
      }
    }
    return last; // of the possible ones, where rounding put the point at the sum
  }

  /** Takes the weight from every token that the options leave out; returns the sum of the rest. */
  private double keep(double sum) {
    double smallest = smallestCandidate(sum);
    int count = 0;
    for (double weight : weights) {
      if (weight >= smallest) {
        sorted[count++] = weight;
      }
    }
    Arrays.sort(sorted, 0, count);
    int kept = sampling.topK() == 0 ? count : Math.min(sampling.topK(), count);
    if (sampling.topP() < 1) {
      kept = nucleus(count, kept, sum);
    }
    while (sorted[count - kept] < sampling.minP()) { // the largest is 1
      kept--;
    }
    double least = sorted[count - kept];
    int equals = 0; // of the kept ones; the lowest ids among equals stay
    for (int i = count - kept; i < count && sorted[i] == least; i++) {
      equals++;
    }
    double left = 0;
    for (int i = 0; i < weights.length; i++) {
      if (weights[i] < least || weights[i] == least && equals-- <= 0) {
        weights[i] = 0;
      }
      left += weights[i];
    }
    return left;
  }

  /**
   * A bound that spares sorting the whole vocabulary; no token below it is left. Top-p: the tokens
   * below (1 - p) / V of the sum have less than 1 - p together, so that the others have p without
   * them.
   */
  private double smallestCandidate(double sum) {
    if (sampling.topK() > 0) {
      return topK.bound(weights);
    }
    return Math.max(sampling.minP(), (1 - sampling.topP()) * sum / weights.length);
  }

  /**
   * How many of the {@code kept} likeliest tokens have top-p's share of what they have together.
   */
  private int nucleus(int count, int kept, double sum) {
    double mass = sampling.topK() == 0 ? sum : 0;
    for (int rank = 0; sampling.topK() > 0 && rank < kept; rank++) {
      mass += sorted[count - 1 - rank];
    }
    double cumulative = 0;
    int size = 0;
    while (size < kept && cumulative < sampling.topP() * mass) {
      cumulative += sorted[count - 1 - size++];
    }
    return size;
  }
}
