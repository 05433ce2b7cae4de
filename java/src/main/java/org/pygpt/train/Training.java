package org.pygpt.train;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.pygpt.graph.Step;
import org.pygpt.kernels.AdamStep;
import org.pygpt.kernels.Kernels;
import org.pygpt.model.GPT;
import org.pygpt.model.Layout;
import org.pygpt.model.Parameters;
import org.pygpt.model.Session;
import org.pygpt.tensor.ClosedException;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.TooLargeError;

/**
 * Mutable: trains a model by AdamW, or by Muon and AdamW; owns gradients, moments and activations,
 * all allocated here.
 *
 * <p>A step is {@link #setBatch} and {@link #backward}, once or, to accumulate, several times, and
 * {@link #update}. Any thread may use it; what belongs together, such as a batch and its backward,
 * goes into one {@link #turn}.
 */
public final class Training implements AutoCloseable {
  private final GPT model;
  private final Kernels kernels;
  private final AdamW options;
  private final Parameters weights;
  private final Parameters gradients;
  private final Parameters m;
  private final Parameters v;
  private final Muon muon; // null for AdamW alone
  private final Session program;
  private final int blockSize;
  private final int maxRows;
  private final List<Range> trained;
  private long updates;
  private int accumulated;
  private long dropoutKey;
  private double gradientNorm;
  private boolean closed; // read and written in turns

  /**
   * Weights that lie together and their weight decay.
   *
   * @param from first element, of the weights
   * @param state the same one's place among the gradients and among the moments
   */
  private record Range(long from, long state, long length, double decay) {
    Flat of(Parameters gradientsOrMoments) {
      return gradientsOrMoments.flat().part(state, length);
    }
  }

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
    weights = model.weights();
    long count = layout.trainable().stream().mapToLong(Layout.Weight::size).sum();
    long state = 3 * count * model.dtype().bytes();
    state += options.muon() ? Muon.byteSize(layout, model.dtype()) : 0;
    kernels
        .device()
        .require(
            BigInteger.valueOf(state + model.activationBytes(B, T, layout)),
            "training on batches of " + B + " x " + T + " tokens");
    gradients = zeros(layout);
    m = zeros(layout);
    v = zeros(layout);
    try {
      double decay = options.weightDecay();
      muon =
          options.muon()
              ? new Muon(kernels, model.config(), layout, decay, weights, gradients, m)
              : null;
      program = model.training(B, T, gradients);
    } catch (RuntimeException | Error error) {
      closeState();
      throw error;
    }
    maxRows = B * T;
    trained = ranges(layout);
  }

  private void closeState() {
    if (muon != null) {
      muon.close();
    }
    v.close();
    m.close();
    gradients.close();
  }

  private Parameters zeros(Layout layout) {
    int block = kernels.squaresBlock();
    return Parameters.trainable(kernels.device(), layout, model.dtype(), block);
  }

  /** What AdamW moves: as few ranges as there can be, in the order of the flat arrays. */
  private List<Range> ranges(Layout layout) {
    List<Layout.Weight> byOffset = new ArrayList<>(layout.weights());
    byOffset.sort(Comparator.comparingLong(weight -> weights.get(weight.name()).offset()));
    List<Range> ranges = new ArrayList<>();
    boolean joins = false; // whether the weight before this one is in the last range
    for (Layout.Weight weight : byOffset) {
      boolean moves = weight.trainable() && (muon == null || !Muon.moves(weight));
      if (moves) {
        long from = weights.get(weight.name()).offset();
        long state = gradients.get(weight.name()).offset();
        double decay = weight.decays() ? options.weightDecay() : 0;
        long end = from + weight.size();
        if (joins && ranges.getLast().decay == decay) {
          Range last = ranges.removeLast();
          from = last.from;
          state = last.state;
        }
        ranges.add(new Range(from, state, end - from, decay));
      }
      joins = moves;
    }
    return ranges;
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
   * One update of the weights by the mean of the gradients since the last.
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
    model.requireTrainable(); // it may have been rounded since
    double scale = 1.0 / accumulated;
    if (options.gradClip() > 0) {
      scale *= clip(scale);
    }
    accumulated = 0;
    updates++;
    model.changed();
    double correction1 = 1 / (1 - Math.pow(options.beta1(), updates));
    double correction2 = 1 / (1 - Math.pow(options.beta2(), updates));
    if (muon != null) {
      muon.update(learningRate, scale);
    }
    for (Range range : trained) {
      AdamStep step =
          new AdamStep(
              learningRate,
              options.beta1(),
              options.beta2(),
              options.epsilon(),
              range.decay,
              correction1,
              correction2,
              scale);
      Flat moved = weights.flat().part(range.from, range.length);
      kernels.adamW(step, moved, range.of(gradients), range.of(m), range.of(v));
    }
  }

  /** What keeps the norm of the mean gradient within the limit. */
  private double clip(double scale) {
    gradientNorm = scale * Math.sqrt(kernels.sumOfSquares(gradients.flat()));
    if (!Double.isFinite(gradientNorm)) {
      accumulated = 0;
      throw new ArithmeticException(
          String.format(
              "gradient: expected a finite norm in step %d, got %f; the weights are still those "
                  + "of step %d: lower the learning rate or look at the data",
              updates + 1, gradientNorm, updates));
    }
    return Math.min(1, options.gradClip() / (gradientNorm + AdamW.CLIP_EPSILON));
  }

  /**
   * The gradient of the trained weights that {@link #backward} computed last, shared; not divided
   * by their number.
   */
  public Parameters gradients() {
    return gradients;
  }

  /** AdamW's first moments of the trained weights, and Muon's momentum, shared. */
  public Parameters firstMoments() {
    return m;
  }

  /** AdamW's second moments of the trained weights, shared; 0 where Muon moves them. */
  public Parameters secondMoments() {
    return v;
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
