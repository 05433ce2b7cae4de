package org.pygpt.generate;

import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleSupplier;
import org.pygpt.graph.Step;
import org.pygpt.model.GPT;
import org.pygpt.model.Session;

/** Mutable: continues one sequence token by token, with a key/value cache. */
public final class Sampler implements AutoCloseable {
  private final GPT model;
  private final Session program;
  private final double[] cumulative;

  /** Allocates the cache for one sequence of {@code block_size} tokens. */
  public Sampler(GPT model) {
    this.model = model;
    program = model.generation(1, 1, model.config().blockSize());
    cumulative = new double[model.config().vocabSize()];
  }

  /**
   * Samples what follows {@code start}.
   *
   * @param stop the token that ends the sequence; it is not returned
   * @param maxTokens at most this many, and at most {@code block_size}
   * @param temperature divides the logits; above 0
   * @param uniforms gives one number in [0, 1) for each token
   * @throws IllegalArgumentException if an argument is out of its range
   */
  public int[] sample(
      int start, int stop, int maxTokens, double temperature, DoubleSupplier uniforms) {
    int V = model.config().vocabSize();
    if (start < 0 || start >= V) {
      throw new IllegalArgumentException("start: expected 0 to " + (V - 1) + ", got " + start);
    }
    if (!(temperature > 0)) {
      throw new IllegalArgumentException("temperature: expected above 0, got " + temperature);
    }
    int limit = Math.min(maxTokens, model.config().blockSize());
    int[] tokens = new int[limit];
    int[] last = {start};
    for (int t = 0; t < limit; t++) {
      program.setIds(last);
      program.tape().forward(Step.forward(1, List.of(new Step.Past(0, t))));
      last[0] = choose(temperature, uniforms.getAsDouble());
      if (last[0] == stop) {
        return Arrays.copyOf(tokens, t);
      }
      tokens[t] = last[0];
    }
    return tokens;
  }

  /** The token whose share of the cumulative softmax holds {@code uniform}. */
  private int choose(double temperature, double uniform) {
    program.logits().readRow(0, cumulative);
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < cumulative.length; i++) {
      cumulative[i] /= temperature;
      max = Math.max(max, cumulative[i]);
    }
    double sum = 0;
    for (int i = 0; i < cumulative.length; i++) {
      sum += Math.exp(cumulative[i] - max);
      cumulative[i] = sum;
    }
    double point = uniform * sum;
    int low = 0;
    int high = cumulative.length - 1;
    while (low < high) { // the first index whose cumulative weight is above the point
      int middle = (low + high) >>> 1;
      if (point < cumulative[middle]) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  /** Makes the call in progress, and every later one, stop between two ops. */
  public void cancel() {
    program.tape().cancel();
  }

  @Override
  public void close() {
    program.close();
  }
}
