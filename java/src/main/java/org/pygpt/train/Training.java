package org.pygpt.train;

import java.math.BigInteger;
import org.pygpt.graph.Step;
import org.pygpt.kernels.Kernels;
import org.pygpt.model.GPT;
import org.pygpt.model.Layout;
import org.pygpt.model.Parameters;
import org.pygpt.model.Session;
import org.pygpt.tensor.ClosedException;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.TooLargeError;

/**
 * Mutable: trains a model by AdamW; owns gradients, moments and activations, all allocated here.
 *
 * <p>A step is {@link #setBatch} and {@link #backward}, once or, to accumulate, several times, and
 * {@link #update}. Any thread may use it; what belongs together, such as a batch and its backward,
 * goes into one {@link #turn}.
 */
public final class Training implements AutoCloseable {
  private final GPT model;
  private final Kernels kernels;
  private final AdamW options;
  private final Parameters gradients;
  private final Optimizer optimizer;
  private final GradientTree tree;
  private final Session program;
  private final int blockSize;
  private final int maxRows;
  private long updates;
  private int accumulated;
  private long dropoutKey;
  private double gradientNorm;
  private boolean closed; // read and written in turns

  /** Plans the training of all weights of {@code model}; see the other constructor. */
  public Training(GPT model, int B, int T, AdamW options) {
    this(model, B, T, options, model.weights().layout());
  }

  /**
   * Plans the training of {@code model} on batches of at most B * T tokens.
   *
   * <p>Weights that are not trainable stay as they are, bit for bit: they do not move, do not
   * decay, have no part in the gradient's norm, and cost neither gradients nor moments.
   *
   * @param layout that of the model's weights, which says what is trainable
   * @throws IllegalArgumentException if B or T is not positive, T is above the block size, or B * T
   *     is no int
   * @throws IllegalStateException if the weights are rounded
   * @throws TooLargeError if gradients, moments and activations do not fit into memory
   */
  public Training(GPT model, int B, int T, AdamW options, Layout layout) {
    this(model, B, T, options, layout, Shard.WHOLE);
  }

  /**
   * Plans the training of {@code model} by one of several workers, which holds the moments of its
   * shard of the weights alone; else as the other constructor.
   */
  public Training(GPT model, int B, int T, AdamW options, Layout layout, Shard shard) {
    blockSize = model.config().blockSize();
    if (B < 1 || T < 1 || T > blockSize || (long) B * T > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          String.format(
              "batch: expected (B, T) with T from 1 to block_size = %d, got (%d, %d)",
              blockSize, B, T));
    }
    model.requireTrainable();
    this.model = model;
    kernels = model.kernels();
    this.options = options;
    long count = layout.trainable().stream().mapToLong(Layout.Weight::size).sum();
    int bytes = model.dtype().bytes();
    long state = count * bytes + Optimizer.bytes(count, shard, bytes);
    kernels
        .device()
        .require(
            BigInteger.valueOf(state + model.activationBytes(B, T, layout)),
            "training on batches of " + B + " x " + T + " tokens");
    int block = kernels.squaresBlock();
    gradients = Parameters.trainable(kernels.device(), layout, model.dtype(), block);
    optimizer = new Optimizer(kernels, options, model.weights(), gradients, layout, shard);
    tree = new GradientTree(kernels);
    try {
      program = model.training(B, T, gradients);
    } catch (RuntimeException | Error error) {
      closeState();
      throw error;
    }
    maxRows = B * T;
  }

  private void closeState() {
    tree.close();
    optimizer.close();
    gradients.close();
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
      return run(B, T, share);
    }
  }

  private double run(int B, int T, double share) {
    Step step = new Step(B, T, accumulated > 0, dropoutKey, share);
    program.load(step);
    int before = accumulated;
    accumulated = 0; // until this step has succeeded
    dropoutKey++;
    program.tape().forward(step);
    double loss = program.loss();
    if (!Double.isFinite(loss)) {
      throw new ArithmeticException(
          String.format(
              "loss: expected a finite number in step %d, got %f; the weights are still those of "
                  + "step %d: lower the learning rate, clip the gradient, or look at the data",
              updates + 1, loss, updates));
    }
    program.tape().backward(step);
    accumulated = before + 1;
    return loss;
  }

  /**
   * One AdamW update of the weights by the mean of the gradients since the last.
   *
   * @param learningRate of this step
   * @throws IllegalStateException if there was no {@link #backward} since the last
   * @throws ArithmeticException if the gradient's norm is no number; the weights are as they were
   */
  public void update(double learningRate) {
    try (var _ = turn()) {
      move(learningRate);
    }
  }

  private void move(double learningRate) {
    if (accumulated == 0) {
      throw new IllegalStateException("update: expected a backward before it, got none");
    }
    double squares = options.gradClip() > 0 ? kernels.sumOfSquares(gradients.flat()) : 0;
    optimizer.update(learningRate, updates + 1, begin(accumulated, squares));
  }

  /**
   * Counts an update that begins now.
   *
   * @param count backward passes whose gradients were added
   * @param squares sum of the squares of the gradient
   * @return what the gradient is multiplied by, for the mean and to keep its norm within the limit
   */
  private double begin(int count, double squares) {
    model.requireTrainable(); // it may have been rounded since
    double scale = 1.0 / count;
    if (options.gradClip() > 0) {
      gradientNorm = scale * Math.sqrt(squares);
      if (!Double.isFinite(gradientNorm)) {
        accumulated = 0;
        throw new ArithmeticException(
            String.format(
                "gradient: expected a finite norm in step %d, got %f; the weights are still those "
                    + "of step %d: lower the learning rate or look at the data",
                updates + 1, gradientNorm, updates));
      }
      scale *= Math.min(1, options.gradClip() / (gradientNorm + AdamW.CLIP_EPSILON));
    }
    accumulated = 0;
    updates++;
    model.changed();
    return scale;
  }

  // ---- several workers -------------------------------------------------------------------------

  /**
   * Ends a microbatch: its gradient, that of all backward passes since the last call, is added to
   * those of the others along a binary tree. After the last one {@link #gradients} is their sum.
   *
   * @param microbatches of this worker in a step, a power of two
   * @param rounded whether each node of the tree is rounded to bfloat16
   */
  public void endMicrobatch(int microbatches, boolean rounded) {
    try (var _ = turn()) {
      if (accumulated == 0) {
        throw new IllegalStateException("microbatch: expected a backward before its end, got none");
      }
      accumulated = 0;
      tree.add(gradients.flat(), microbatches, rounded);
    }
  }

  /** The sums of the squares of the gradients of the blocks of this worker's shard, in order. */
  public double[] squares() {
    try (var _ = turn()) {
      return optimizer.squares();
    }
  }

  /**
   * One AdamW update of this worker's shard, by the mean of the gradients. What the others need of
   * it, and {@link #receive} takes, is then in its place among {@link #gradients}.
   *
   * @param learningRate of this step
   * @param count backward passes of all workers
   * @param squares sum of the squares of the whole gradient
   * @param rounded whether weights move by numbers in bfloat16
   * @throws ArithmeticException if the gradient's norm is no number; the weights are as they were
   */
  public void updateShard(double learningRate, int count, double squares, boolean rounded) {
    try (var _ = turn()) {
      double scale = begin(count, squares);
      optimizer.updateAndSend(learningRate, updates, scale, rounded);
    }
  }

  /** Takes the weights of the others' shards from {@link #gradients}; see {@link #updateShard}. */
  public void receive(boolean rounded) {
    try (var _ = turn()) {
      optimizer.receive(rounded);
      model.changed();
    }
  }

  /** AdamW's first moments of this worker's shard, shared. */
  public Flat firstOfShard() {
    return optimizer.first();
  }

  /** AdamW's second moments of this worker's shard, shared. */
  public Flat secondOfShard() {
    return optimizer.second();
  }

  // ---- state -----------------------------------------------------------------------------------

  /**
   * The gradient of the trained weights that {@link #backward} computed last, shared; not divided
   * by their number.
   */
  public Parameters gradients() {
    return gradients;
  }

  /**
   * AdamW's first moments of the trained weights, shared.
   *
   * @throws IllegalStateException if only a shard is held
   */
  public Parameters firstMoments() {
    return optimizer.firstMoments();
  }

  /** AdamW's second moments, likewise. */
  public Parameters secondMoments() {
    return optimizer.secondMoments();
  }

  /** Norm of the gradient in the last update before clipping; 0 where nothing is clipped. */
  public double gradientNorm() {
    return gradientNorm;
  }

  /** Updates done so far. */
  public long updates() {
    return updates;
  }

  /**
   * Continues a run that has done {@code updates} updates and whose next backward draws {@code
   * dropoutKey}; what was accumulated is forgotten.
   */
  public void resume(long updates, long dropoutKey) {
    try (var _ = turn()) {
      accumulated = 0;
      tree.clear();
      this.updates = updates;
      this.dropoutKey = dropoutKey;
    }
  }

  /** What decides the dropout of the next backward. */
  public long dropoutKey() {
    return dropoutKey;
  }

  /** Makes the step in progress, or the next one, stop between two ops. */
  public void cancel() {
    program.tape().cancel();
  }

  /** Forgets a {@link #cancel} that came after the end of the step that it was meant for. */
  public void resetCancel() {
    program.tape().resetCancel();
  }

  /** A {@link GPT#turn} of the model, if this is not closed. */
  public GPT.Turn turn() {
    GPT.Turn turn = model.turn();
    if (closed) {
      turn.close();
      throw new ClosedException("training");
    }
    return turn;
  }

  @Override
  public void close() {
    try (var _ = model.lastTurn()) {
      closed = true;
      program.close();
      closeState();
    }
  }
}
