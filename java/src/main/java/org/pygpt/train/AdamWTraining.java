package org.pygpt.train;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.pygpt.graph.Step;
import org.pygpt.kernels.AdamStep;
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
  private final Parameters weights;
  private final Parameters gradients;
  private final Parameters m;
  private final Parameters v;
  private final Muon muon; // null for AdamW alone
  private final Scored program;
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

  /** Builds what computes the gradient of a model's trained weights. */
  interface Programs {
    Scored of(Parameters gradients);
  }

  /**
   * Allocates gradients and moments, and builds the program.
   *
   * @param layout that of the model's weights, which says what is trainable
   * @param parts which matrices lie in one, for Muon
   */
  AdamWTraining(
      Trainable model, AdamW options, Layout layout, Muon.Parts parts, Programs programs) {
    this.model = model;
    this.options = options;
    kernels = model.kernels();
    weights = model.weights();
    gradients = zeros(layout);
    m = zeros(layout);
    v = zeros(layout);
    try {
      double decay = options.weightDecay();
      muon = options.muon() ? new Muon(kernels, parts, layout, decay, weights, gradients, m) : null;
      program = programs.of(gradients);
    } catch (RuntimeException | Error error) {
      closeState();
      throw error;
    }
    trained = ranges(layout);
  }

  /** Size in bytes of gradients, moments and what Muon needs beside them. */
  static long stateBytes(Trainable model, AdamW options, Layout layout) {
    long count = layout.trainable().stream().mapToLong(Layout.Weight::size).sum();
    long scratch = options.muon() ? Muon.byteSize(layout, model.dtype()) : 0;
    return 3 * count * model.dtype().bytes() + scratch;
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
   * The gradient of the trained weights that backward computed last, shared; not divided by their
   * number.
   */
  public final Parameters gradients() {
    return gradients;
  }

  /** AdamW's first moments of the trained weights, and Muon's momentum, shared. */
  public final Parameters firstMoments() {
    return m;
  }

  /** AdamW's second moments of the trained weights, shared; 0 where Muon moves them. */
  public final Parameters secondMoments() {
    return v;
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
