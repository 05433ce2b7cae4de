package org.pygpt.train;

import java.math.BigInteger;
import org.pygpt.graph.Step;
import org.pygpt.model.EncoderDecoder;
import org.pygpt.model.EncoderDecoderConfig;
import org.pygpt.model.PairSession;
import org.pygpt.tensor.TooLargeError;

/**
 * Mutable: trains an encoder–decoder transformer by AdamW; owns gradients, moments and activations,
 * all allocated here.
 *
 * <p>A step is {@link #setBatch} and {@link #backward}, once or, to accumulate, several times, and
 * {@link #update}.
 */
public final class PairTraining extends AdamWTraining {
  private final PairSession program;
  private final EncoderDecoderConfig config;
  private final int mostSources; // tokens of a batch
  private final int mostTargets;
  private Size size; // of the batch that was set
  private int[] lengths;

  private record Size(int B, int S, int T) {}

  /**
   * Plans the training of {@code model} on batches of at most B * S source and B * T target tokens.
   *
   * @throws IllegalArgumentException if a size is not positive, or above the model's
   * @throws TooLargeError if gradients, moments and activations do not fit into memory
   */
  public PairTraining(EncoderDecoder model, int B, int S, int T, AdamW options) {
    Size size = new Size(B, S, T);
    check(size, model.config(), Integer.MAX_VALUE, Integer.MAX_VALUE);
    long bytes =
        stateBytes(model, options, model.weights().layout()) + model.activationBytes(B, S, T);
    String what = "training on batches of " + B + " x (" + S + ", " + T + ") tokens";
    model.kernels().device().require(BigInteger.valueOf(bytes), what);
    PairSession[] built = new PairSession[1];
    super(
        model,
        options,
        model.weights().layout(),
        (_, columns) -> new int[] {columns},
        gradients -> built[0] = model.training(B, S, T, gradients));
    program = built[0];
    config = model.config();
    mostSources = B * S;
    mostTargets = B * T;
  }

  private static void check(
      Size size, EncoderDecoderConfig config, int mostSources, int mostTargets) {
    int longestSource = config.sourceBlockSize();
    int longestTarget = config.targetBlockSize();
    boolean positive = size.B >= 1 && size.S >= 1 && size.T >= 1;
    boolean fits = size.S <= longestSource && size.T <= longestTarget;
    if (!positive
        || !fits
        || (long) size.B * size.S > mostSources
        || (long) size.B * size.T > mostTargets) {
      throw new IllegalArgumentException(
          String.format(
              "batch: expected B pairs of S up to %d and T up to %d tokens, with B * S up to %d and"
                  + " B * T up to %d, got B = %d, S = %d, T = %d",
              longestSource, longestTarget, mostSources, mostTargets, size.B, size.S, size.T));
    }
  }

  /**
   * Copies the next batch.
   *
   * @param sources (B, S) row by row; ids after a source's end are not attended to
   * @param lengths of each source, 1 to S, copied
   * @param ids (B, T) of targets, the first of each being what begins a target
   * @param next what follows each of them; a negative one is not scored
   * @throws IllegalArgumentException if an array is too short, a length out of range or the batch
   *     too large
   */
  public void setBatch(int[] sources, int[] lengths, int[] ids, int[] next, int B, int S, int T) {
    Size given = new Size(B, S, T);
    check(given, config, mostSources, mostTargets);
    boolean whole = sources.length == B * S && ids.length == B * T && next.length == B * T;
    if (!whole || lengths.length != B) {
      throw new IllegalArgumentException(
          String.format(
              "batch: expected %d source ids, %d lengths and %d target ids, got %d, %d, %d and %d",
              B * S, B, B * T, sources.length, lengths.length, ids.length, next.length));
    }
    for (int length : lengths) {
      if (length < 1 || length > S) {
        throw new IllegalArgumentException("lengths: expected 1 to " + S + ", got " + length);
      }
    }
    try (var _ = turn()) {
      program.setSources(sources);
      program.setTargets(ids, next);
      this.lengths = lengths.clone();
      size = given;
    }
  }

  /**
   * Forward, loss and backward of the batch; the first after an update overwrites the gradients,
   * later ones add to them.
   *
   * @return mean cross-entropy in nats for each scored token
   * @throws IllegalArgumentException if an id is outside its vocabulary
   * @throws ArithmeticException if the loss is no number; the weights are as they were
   */
  public double backward() {
    try (var _ = turn()) {
      Step step = new Step(size.B, size.T, accumulates(), dropoutKey());
      return run(step.from(size.S, lengths));
    }
  }
}
