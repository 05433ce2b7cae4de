package org.pygpt.train;

import java.math.BigInteger;
import org.pygpt.graph.Step;
import org.pygpt.model.GPT;
import org.pygpt.model.Layout;
import org.pygpt.model.ProductWeights;
import org.pygpt.model.Session;
import org.pygpt.model.Trainable;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.TooLargeError;

/**
 * Mutable: trains a model by AdamW, or by Muon and AdamW; owns gradients, moments and activations,
 * all allocated here.
 *
 * <p>A step is {@link #setBatch} and {@link #backward}, once or, to accumulate, several times, and
 * {@link #update}. Any thread may use it; what belongs together, such as a batch and its backward,
 * goes into one {@link #turn}.
 */
public final class Training extends AdamWTraining {
  private final Session program;
  private final int blockSize;
  private final int maxRows;

  /**
   * Plans the training of all weights of {@code model}, or of its adapter if it has one; see the
   * other constructor.
   */
  public Training(GPT model, int B, int T, AdamW options) {
    this(model, B, T, options, model.trained().weights().layout());
  }

  /** Plans the training of {@code model} in its own dtype; see the other constructor. */
  public Training(GPT model, int B, int T, AdamW options, Layout layout) {
    this(model, B, T, options, layout, model.dtype());
  }

  /**
   * Plans the training of {@code model} on batches of at most B * T tokens.
   *
   * <p>Weights that are not trainable stay as they are, bit for bit: they do not move, do not
   * decay, have no part in the gradient's norm, and cost neither gradients nor moments.
   *
   * <p>In bfloat16 products are of numbers rounded to it, weights included, and so are activations
   * but for the residual stream; weights, their gradients, sums, norms and the loss are the model's
   * own dtype. So are the moments, unless {@link AdamW#moments} says bfloat16.
   *
   * @param layout that of what is {@link GPT#trained}, which says what is trainable
   * @param dtype the model's own, or bfloat16
   * @throws IllegalArgumentException if B or T is not positive, T is above the block size, or B * T
   *     is no int; or if the backend or the processor has no such products
   * @throws IllegalStateException if the weights are rounded
   * @throws TooLargeError if gradients, moments and activations do not fit into memory
   */
  public Training(GPT model, int B, int T, AdamW options, Layout layout, DType dtype) {
    this(model, B, T, options, layout, dtype, Shard.WHOLE);
  }

  /**
   * Plans the training of {@code model} by one of several workers, which holds the moments of its
   * shard of the weights alone; else as the other constructor.
   */
  public Training(GPT model, int B, int T, AdamW options, Layout layout, DType dtype, Shard shard) {
    checkBatch(model, B, T);
    model.requireTrainable(dtype);
    long copies = dtype == model.dtype() ? 0 : ProductWeights.byteSize(layout);
    long activations = model.activationBytes(B, T, layout, dtype);
    Trainable trained = model.trained();
    long bytes = stateBytes(trained, options, layout, shard) + copies + activations;
    String what = "training on batches of " + B + " x " + T + " tokens";
    model.kernels().device().require(BigInteger.valueOf(bytes), what);
    Session[] built = new Session[1];
    Muon.Parts parts = (name, columns) -> Muon.widths(model.config(), name, columns);
    super(
        trained,
        options,
        layout,
        parts,
        shard,
        gradients -> built[0] = model.training(B, T, gradients, dtype));
    program = built[0];
    blockSize = model.config().blockSize();
    maxRows = B * T;
  }

  private static void checkBatch(GPT model, int B, int T) {
    int blockSize = model.config().blockSize();
    if (B < 1 || T < 1 || T > blockSize || (long) B * T > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          String.format(
              "batch: expected (B, T) with T from 1 to block_size = %d, got (%d, %d)",
              blockSize, B, T));
    }
  }

  /**
   * Copies the next batch, (B, T) row by row; a negative target is not scored.
   *
   * @throws IllegalArgumentException if an array is too short or the batch too large
   */
  public void setBatch(int[] ids, int[] targets, int B, int T) {
    checkSize(B, T);
    if (ids.length < B * T || targets.length < B * T) {
      throw new IllegalArgumentException(
          String.format(
              "batch: expected %d ids and targets, got %d and %d",
              B * T, ids.length, targets.length));
    }
    try (var _ = turn()) {
      program.setBatch(ids, targets, B * T);
    }
  }

  private void checkSize(int B, int T) {
    if (B < 1 || T < 1 || T > blockSize || (long) B * T > maxRows) {
      throw new IllegalArgumentException(
          String.format(
              "batch: expected at most %d tokens with T from 1 to block_size = %d, got (%d, %d)",
              maxRows, blockSize, B, T));
    }
  }

  /**
   * Forward, loss and backward of the batch. The first call after an update overwrites the
   * gradients, later ones add to them. A call that is refused changes nothing; one that is
   * cancelled or whose loss is no number ends the accumulation.
   *
   * @return mean cross-entropy in nats
   * @throws IllegalArgumentException if the size or an id does not fit
   * @throws ArithmeticException if the loss is no number; the weights are as they were
   */
  public double backward(int B, int T) {
    return backward(B, T, 1);
  }

  /**
   * Backward of one of several batches that {@link #update} takes together; else as the other
   * method.
   *
   * @param share what its gradient counts for beside 1 of each batch on average: so the mean over
   *     batches that score different numbers of targets becomes the mean over all targets
   */
  public double backward(int B, int T, double share) {
    checkSize(B, T);
    try (var _ = turn()) {
      program.scoreRows(false);
      return run(new Step(B, T, accumulates(), dropoutKey(), share));
    }
  }

  /**
   * Forward of the batch alone; {@link #backward(double[])} goes on with it. Other errors as those
   * of the other backward.
   *
   * @return cross-entropy in nats of each token, B * T; 0 where it is not scored
   */
  public double[] losses(int B, int T) {
    checkSize(B, T);
    try (var _ = turn()) {
      program.scoreRows(true);
      runForward(new Step(B, T, accumulates(), dropoutKey()));
      return program.rowLosses(B * T);
    }
  }

  /**
   * Backward of the batch that {@link #losses} was called for, of the sum of weight * loss of its
   * tokens. The first call after an update overwrites the gradients, later ones add to them.
   *
   * @param weights of each token, of any sign
   * @throws IllegalArgumentException if they are not as many as the losses were
   * @throws IllegalStateException if there was no call of {@link #losses}, or it failed
   */
  public void backward(double[] weights) {
    try (var _ = turn()) {
      requireRows(weights.length);
      program.setRowWeights(weights);
      runBackward();
    }
  }
}
