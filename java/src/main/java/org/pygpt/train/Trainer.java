package org.pygpt.train;

import org.pygpt.GPT;
import org.pygpt.Parameters;
import org.pygpt.graph.Step;
import org.pygpt.kernels.AdamStep;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: trains a model by Adam; owns gradients, moments and activations, all allocated here.
 *
 * <p>One thread uses a trainer, but any may {@link #cancel} it.
 */
public final class Trainer implements AutoCloseable {
  /** Decay of the first moment, the second, and ε: microgpt's. */
  public static final double BETA1 = 0.85;

  public static final double BETA2 = 0.99;
  public static final double EPSILON = 1e-8;

  private final Kernels kernels;
  private final Parameters weights;
  private final Parameters gradients;
  private final Parameters m;
  private final Parameters v;
  private final GPT.Program program;
  private final int maxB;
  private final int maxT;
  private int updates;

  /**
   * Plans the training of {@code model} on batches of at most (B, T) tokens.
   *
   * @throws IllegalArgumentException if B or T is not positive, or T is above the block size
   */
  public Trainer(GPT model, int B, int T) {
    if (B < 1 || T < 1 || T > model.config().blockSize()) {
      throw new IllegalArgumentException(
          String.format(
              "batch: expected (B, T) with T from 1 to block_size = %d, got (%d, %d)",
              model.config().blockSize(), B, T));
    }
    kernels = model.kernels();
    weights = model.weights();
    gradients = new Parameters(model.config(), model.dtype());
    m = new Parameters(model.config(), model.dtype());
    v = new Parameters(model.config(), model.dtype());
    program = model.training(B, T, gradients);
    maxB = B;
    maxT = T;
  }

  /**
   * Forward, loss and backward; {@link #gradients} then holds the gradient of the loss.
   *
   * @param ids (B, T) row by row, each in [0, V)
   * @param targets (B, T) row by row; a negative one is not scored
   * @return mean cross-entropy in nats
   * @throws IllegalArgumentException if a size or an id does not fit
   */
  public double gradient(int[] ids, int[] targets, int B, int T) {
    check(ids, targets, B, T);
    program.setIds(ids, 0, B * T);
    program.setTargets(targets, 0, B * T);
    return gradient(new Step(B, T, 0));
  }

  private double gradient(Step step) {
    program.tape().forward(step);
    Tensor logits = program.logits().value();
    Tensor dLogits = program.logits().gradient();
    double loss = kernels.crossEntropy(step.rows(), logits, program.targets(), dLogits);
    gradients.memory().zero();
    program.tape().backward(step);
    return loss;
  }

  /**
   * One training step: {@link #gradient}, then one Adam update of the weights.
   *
   * @param rate learning rate of this step
   * @return mean cross-entropy in nats, before the update
   */
  public double step(int[] ids, int[] targets, int B, int T, double rate) {
    double loss = gradient(ids, targets, B, T);
    update(rate);
    return loss;
  }

  private void update(double rate) {
    updates++;
    double correction1 = 1 / (1 - Math.pow(BETA1, updates));
    double correction2 = 1 / (1 - Math.pow(BETA2, updates));
    AdamStep step = new AdamStep(rate, BETA1, BETA2, EPSILON, correction1, correction2);
    kernels.adam(step, weights.flat(), gradients.flat(), m.flat(), v.flat());
  }

  private void check(int[] ids, int[] targets, int B, int T) {
    if (B < 1 || B > maxB || T < 1 || T > maxT) {
      throw new IllegalArgumentException(
          String.format("batch: expected at most (%d, %d), got (%d, %d)", maxB, maxT, B, T));
    }
    if (ids.length < B * T || targets.length < B * T) {
      throw new IllegalArgumentException(
          String.format(
              "batch: expected %d ids and targets, got %d and %d",
              B * T, ids.length, targets.length));
    }
    int V = program.logits().columns();
    for (int i = 0; i < B * T; i++) {
      if (ids[i] < 0 || ids[i] >= V || targets[i] >= V) {
        throw new IllegalArgumentException(
            String.format(
                "ids: expected 0 to %d, got id %d, target %d at %d", V - 1, ids[i], targets[i], i));
      }
    }
  }

  /** The gradient that {@link #gradient} or {@link #step} computed last, shared. */
  public Parameters gradients() {
    return gradients;
  }

  /** Makes the step in progress, and every later one, stop between two ops. */
  public void cancel() {
    program.tape().cancel();
  }

  @Override
  public void close() {
    program.close();
    v.close();
    m.close();
    gradients.close();
  }
}
