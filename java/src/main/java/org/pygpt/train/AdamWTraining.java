package org.pygpt.train;

import org.pygpt.graph.Step;
import org.pygpt.kernels.Kernels;
import org.pygpt.model.GPT;
import org.pygpt.model.Layout;
import org.pygpt.model.Parameters;
import org.pygpt.model.Scored;
import org.pygpt.model.Trainable;
import org.pygpt.tensor.ClosedException;
import org.pygpt.tensor.Flat;

/**
 * Mutable: what trainings by AdamW, or by Muon and AdamW, share, whatever the model: gradients,
 * moments, accumulation and updates; owns gradients, moments and the program that computes them.
 *
 * <p>Weights that are not trainable stay as they are, bit for bit: they do not move, do not decay,
 * have no part in the gradient's norm, and cost neither gradients nor moments.
 */
public abstract class AdamWTraining implements AutoCloseable {
  private final Trainable model;
  private final Kernels kernels;
  private final AdamW options;
  private final Parameters gradients;
  private final Optimizer optimizer;
  private final GradientTree tree;
  private final Muon muon; // null for AdamW alone
  private final Scored program;
  private long updates;
  private int accumulated;
  private int before; // accumulated when forward began
  private Step pending; // of a forward whose backward has not been; null for none
  private long dropoutKey;
  private double gradientNorm;
  private boolean closed; // read and written in turns

  /** Builds what computes the gradient of a model's trained weights. */
  interface Programs {
    Scored of(Parameters gradients);
  }

  /**
   * Allocates gradients and moments, and builds the program.
   *
   * @param layout that of the model's weights, which says what is trainable
   * @param parts which matrices lie in one, for Muon
   * @param shard what of the moments is held; all of them for Muon
   */
  AdamWTraining(
      Trainable model,
      AdamW options,
      Layout layout,
      Muon.Parts parts,
      Shard shard,
      Programs programs) {
    this.model = model;
    this.options = options;
    kernels = model.kernels();
    int block = kernels.squaresBlock();
    Parameters weights = model.weights();
    gradients = Parameters.trainable(kernels.device(), layout, model.dtype(), block);
    optimizer = new Optimizer(kernels, options, weights, gradients, layout, shard);
    tree = new GradientTree(kernels);
    try {
      double decay = options.weightDecay();
      muon =
          options.muon()
              ? new Muon(
                  kernels, parts, layout, decay, weights, gradients, optimizer.firstMoments())
              : null;
      program = programs.of(gradients);
    } catch (RuntimeException | Error error) {
      closeState();
      throw error;
    }
  }

  /** Size in bytes of gradients, of the moments of a shard, and what Muon needs beside them. */
  static long stateBytes(Trainable model, AdamW options, Layout layout, Shard shard) {
    long count = layout.trainable().stream().mapToLong(Layout.Weight::size).sum();
    long scratch = options.muon() ? Muon.byteSize(layout, model.dtype()) : 0;
    int moment = options.momentsOf(model.dtype()).bytes();
    return count * model.dtype().bytes() + Optimizer.bytes(count, shard, moment) + scratch;
  }

  private void closeState() {
    if (muon != null) {
      muon.close();
    }
    tree.close();
    optimizer.close();
    gradients.close();
  }

  /** Whether the next backward adds to the gradient. */
  final boolean accumulates() {
    return accumulated > 0;
  }

  /**
   * Forward, loss and backward of the tokens that the program was given. The first call after an
   * update overwrites the gradients, later ones add to them. A call that is refused changes
   * nothing; one that is cancelled or whose loss is no number ends the accumulation.
   *
   * @param step with {@link #accumulates} and {@link #dropoutKey}
   * @return mean cross-entropy in nats
   */
  final double run(Step step) {
    double loss = runForward(step);
    runBackward();
    return loss;
  }

  /** The first half of {@link #run}; {@link #runBackward} is the other. */
  final double runForward(Step step) {
    program.load(step);
    before = accumulated;
    accumulated = 0; // until this step has succeeded
    pending = null;
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
    pending = step;
    return loss;
  }

  /** Passes if there is a forward of so many rows to go on with. */
  final void requireRows(int rows) {
    if (pending == null) {
      throw new IllegalStateException("backward: expected losses before it, got none");
    }
    if (pending.rows() != rows) {
      throw new IllegalArgumentException(
          "weights: expected one for each of " + pending.rows() + " losses, got " + rows);
    }
  }

  /** The backward of the last {@link #runForward}. */
  final void runBackward() {
    Step step = pending;
    if (step == null) {
      throw new IllegalStateException("backward: expected a forward before it, got none");
    }
    pending = null;
    program.tape().backward(step);
    accumulated = before + 1;
  }

  /**
   * One update of the weights by the mean of the gradients since the last.
   *
   * @param learningRate of this step
   * @throws IllegalStateException if there was no backward since the last
   * @throws ArithmeticException if the gradient's norm is no number; the weights are as they were
   */
  public final void update(double learningRate) {
    try (var _ = turn()) {
      move(learningRate);
    }
  }

  private void move(double learningRate) {
    if (accumulated == 0) {
      throw new IllegalStateException("update: expected a backward before it, got none");
    }
    double squares = options.gradClip() > 0 ? kernels.sumOfSquares(gradients.flat()) : 0;
    double scale = begin(accumulated, squares);
    if (muon != null) {
      muon.update(learningRate, scale);
    }
    optimizer.update(learningRate, updates, scale);
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
  public final void endMicrobatch(int microbatches, boolean rounded) {
    try (var _ = turn()) {
      if (accumulated == 0) {
        throw new IllegalStateException("microbatch: expected a backward before its end, got none");
      }
      accumulated = 0;
      tree.add(gradients.flat(), microbatches, rounded);
    }
  }

  /** The sums of the squares of the gradients of the blocks of this worker's shard, in order. */
  public final double[] squares() {
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
  public final void updateShard(double learningRate, int count, double squares, boolean rounded) {
    try (var _ = turn()) {
      double scale = begin(count, squares);
      optimizer.updateAndSend(learningRate, updates, scale, rounded);
    }
  }

  /** Takes the weights of the others' shards from {@link #gradients}; see {@link #updateShard}. */
  public final void receive(boolean rounded) {
    try (var _ = turn()) {
      optimizer.receive(rounded);
      model.changed();
    }
  }

  /** AdamW's first moments of this worker's shard, shared. */
  public final Flat firstOfShard() {
    return optimizer.first();
  }

  /** AdamW's second moments of this worker's shard, shared. */
  public final Flat secondOfShard() {
    return optimizer.second();
  }

  // ---- state -----------------------------------------------------------------------------------

  /**
   * The gradient of the trained weights that backward computed last, shared; not divided by their
   * number.
   */
  public final Parameters gradients() {
    return gradients;
  }

  /**
   * AdamW's first moments of the trained weights, and Muon's momentum, shared.
   *
   * @throws IllegalStateException if only a shard is held
   */
  public final Parameters firstMoments() {
    return optimizer.firstMoments();
  }

  /** AdamW's second moments, likewise; 0 where Muon moves the weights. */
  public final Parameters secondMoments() {
    return optimizer.secondMoments();
  }

  /** Norm of the gradient in the last update before clipping; 0 where nothing is clipped. */
  public final double gradientNorm() {
    return gradientNorm;
  }

  /** Updates done so far. */
  public final long updates() {
    return updates;
  }

  /**
   * Continues a run that has done {@code updates} updates and whose next backward draws {@code
   * dropoutKey}; what was accumulated is forgotten.
   */
  public final void resume(long updates, long dropoutKey) {
    try (var _ = turn()) {
      accumulated = 0;
      pending = null;
      tree.clear();
      this.updates = updates;
      this.dropoutKey = dropoutKey;
    }
  }

  /** What decides the dropout of the next backward. */
  public final long dropoutKey() {
    return dropoutKey;
  }

  /** Makes the step in progress, or the next one, stop between two ops. */
  public final void cancel() {
    program.tape().cancel();
  }

  /** Forgets a {@link #cancel} that came after the end of the step that it was meant for. */
  public final void resetCancel() {
    program.tape().resetCancel();
  }

  /** A turn of the model, if this is not closed. */
  public final GPT.Turn turn() {
    GPT.Turn turn = model.turn();
    if (closed) {
      turn.close();
      throw new ClosedException("training");
    }
    return turn;
  }

  @Override
  public final void close() {
    try (var _ = model.lastTurn()) {
      closed = true;
      program.close();
      closeState();
    }
  }
}
