package org.pygpt.generate;

/** The probabilities that a token is drawn by: what {@link TokenSampler} makes of logits. */
public final class Distribution {
  private Distribution() {}

  /**
   * The probability of each token, of V; those that the options leave out have 0.
   *
   * @param logits of V tokens
   * @param options the repetition penalty does not count, since nothing has been said
   * @param never the tokens that are not chosen, but some of V
   * @throws ArithmeticException if a logit is no number, or none is finite
   */
  public static double[] of(double[] logits, SamplingOptions options, int[] never) {
    double[] scores = logits.clone();
    for (int token : never) {
      scores[token] = Double.NEGATIVE_INFINITY;
    }
    int best = 0;
    for (int i = 1; i < scores.length; i++) {
      best = scores[i] > scores[best] ? i : best;
    }
    Softmax softmax = new Softmax(scores.length);
    double temperature = options.isRandom() ? options.temperature() : 1;
    double sum = softmax.weigh(scores, scores[best], temperature);
    if (Double.isNaN(sum)) {
      throw new ArithmeticException("logits: expected numbers, got others; look at the weights");
    }
    double[] weights = softmax.weights();
    if (!options.isRandom()) {
      double[] certain = new double[scores.length];
      certain[best] = 1;
      return certain;
    }
    if (!options.keepsAll()) {
      sum = new Candidates(scores.length).keep(weights, sum, options);
    }
    for (int i = 0; i < weights.length; i++) {
      weights[i] /= sum;
    }
    return weights;
  }
}
