package org.pygpt.train;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import org.pygpt.graph.Step;
import org.pygpt.kernels.AdamStep;
import org.pygpt.kernels.Kernels;
import org.pygpt.model.GPT;
import org.pygpt.model.Parameters;
import org.pygpt.model.Session;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.Tensor;
import org.pygpt.tensor.TooLargeError;

/**
 * Mutable: trains a model by AdamW; owns gradients, moments and activations, all allocated here.
 *
 * <p>A step is {@link #setBatch} (or writing to {@link #ids} and {@link #targets}), {@link
 * #backward}, once or, to accumulate, several times, and {@link #update}. One thread uses a
 * trainer, but any may {@link #cancel} it.
 */
public final class Training implements AutoCloseable {
  private final GPT model;
  private final Kernels kernels;
  private final AdamW options;
  private final Parameters weights;
  private final Parameters gradients;
  private final Parameters m;
  private final Parameters v;
  private final Session program;
  private final int blockSize;
  private final int maxRows;
  private Set<String> frozen = Set.of();
  private List<Range> trained;
  private long updates;
  private int accumulated;
  private long dropoutKey;
  private double gradientNorm;

  /** Elements [from, to) of the flat arrays, and their weight decay. */
  private record Range(long from, long to, double decay) {
    Flat of(Parameters parameters) {
      return parameters.flat().part(from, to - from);
    }
  }

  /**
   * Plans the training of {@code model} on batches of at most B * T tokens.
   *
   * @throws IllegalArgumentException if B or T is not positive, T is above the block size, or B * T
   *     is no int
   * @throws IllegalStateException if the weights are rounded
   * @throws TooLargeError if gradients, moments and activations do not fit into memory
   */
  public Training(GPT model, int B, int T, AdamW options) {
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
    long state = 3 * weights.count() * model.dtype().bytes();
    kernels
        .device()
        .require(
            BigInteger.valueOf(state + model.activationBytes(B, T)),
            "training on batches of " + B + " x " + T + " tokens");
    gradients = new Parameters(kernels.device(), weights.layout(), model.dtype());
    m = new Parameters(kernels.device(), weights.layout(), model.dtype());
    v = new Parameters(kernels.device(), weights.layout(), model.dtype());
    program = model.training(B, T, gradients);
    maxRows = B * T;
    trained = ranges();
  }

  /**
   * Keeps these weights as they are, bit for bit, in every update to come: they do not move, do not
   * decay, and have no part in the gradient's norm. Another call replaces the names.
   *
   * @throws IllegalArgumentException if there is no weight of a name
   */
  public void freeze(String... names) {
    for (String name : names) {
      weights.get(name);
    }
    frozen = Set.of(names);
    trained = ranges();
  }

  /** What an update moves: as few ranges as there can be, in the order of the flat arrays. */
  private List<Range> ranges() {
    Comparator<String> byOffset = Comparator.comparingLong(name -> weights.get(name).offset());
    List<Range> ranges = new ArrayList<>();
    boolean joins = false; // whether the weight before this one is in the last range
    for (String name : weights.names().stream().sorted(byOffset).toList()) {
      if (frozen.contains(name)) {
        joins = false;
        continue;
      }
      Tensor weight = weights.get(name);
      double decay = weights.isVector(name) ? 0 : options.weightDecay();
      long from = weight.offset();
      if (joins && ranges.getLast().decay == decay) {
        from = ranges.removeLast().from;
      }
      ranges.add(new Range(from, weight.offset() + weight.size(), decay));
      joins = true;
    }
    return ranges;
  }

  /** Token ids of the next batch, int32, (B, T) row by row, to be written. */
  public Tensor ids() {
    return program.ids();
  }

  /** Targets of the next batch, int32, (B, T) row by row; a negative one is not scored. */
  public Tensor targets() {
    return program.targets();
  }

  /**
   * Copies a batch to {@link #ids} and {@link #targets}.
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
    program.setBatch(ids, targets, B * T);
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
    checkSize(B, T);
    Step step = new Step(B, T, accumulated > 0, dropoutKey);
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
    if (accumulated == 0) {
      throw new IllegalStateException("update: expected a backward before it, got none");
    }
    model.requireTrainable(); // it may have been rounded since
    for (String name : frozen) {
      gradients.get(name).zero();
    }
    double scale = 1.0 / accumulated;
    if (options.gradClip() > 0) {
      scale *= clip(scale);
    }
    accumulated = 0;
    updates++;
    model.changed();
    double correction1 = 1 / (1 - Math.pow(options.beta1(), updates));
    double correction2 = 1 / (1 - Math.pow(options.beta2(), updates));
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
      kernels.adamW(step, range.of(weights), range.of(gradients), range.of(m), range.of(v));
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

  /** The gradient that {@link #backward} computed last, shared; not divided by their number. */
  public Parameters gradients() {
    return gradients;
  }

  /** AdamW's first moments, shared. */
  public Parameters firstMoments() {
    return m;
  }

  /** AdamW's second moments, shared. */
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
    accumulated = 0;
    this.updates = updates;
    this.dropoutKey = dropoutKey;
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

  @Override
  public void close() {
    program.close();
    v.close();
    m.close();
    gradients.close();
  }
}
