package org.pygpt.network;

import org.pygpt.kernels.AdamStep;
import org.pygpt.kernels.Kernels;
import org.pygpt.model.Layout;
import org.pygpt.model.Parameters;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.Tensor;

/** Mutable: moves weights against their gradient; owns what it remembers of earlier steps. */
final class Descent implements AutoCloseable {
  /** The ways to do it. */
  enum Method {
    /** weight -= rate * gradient. */
    SGD,
    /** velocity = 0.9 * velocity + gradient; weight -= rate * velocity. */
    MOMENTUM,
    /** Adam: each weight at a pace of its own. */
    ADAM
  }

  private static final double MOMENTUM = 0.9; // Polyak's usual one
  private static final double BETA1 = 0.9; // of Adam's paper, as the two below
  private static final double BETA2 = 0.999;
  private static final double EPSILON = 1e-8;

  private final Kernels kernels;
  private final Method method;
  private final Parameters weights;
  private final Parameters first; // velocity, or Adam's first moment
  private final Parameters second; // Adam's second moment, or room for a step
  private long updates;

  Descent(Kernels kernels, Method method, Parameters weights) {
    this.kernels = kernels;
    this.method = method;
    this.weights = weights;
    Layout layout = weights.layout();
    first = new Parameters(kernels.device(), layout, weights.dtype());
    second = new Parameters(kernels.device(), layout, weights.dtype());
  }

  void update(double rate, Parameters gradients) {
    updates++;
    if (method == Method.ADAM) {
      double correction1 = 1 / (1 - Math.pow(BETA1, updates));
      double correction2 = 1 / (1 - Math.pow(BETA2, updates));
      AdamStep step = new AdamStep(rate, BETA1, BETA2, EPSILON, 0, correction1, correction2, 1);
      kernels.adamW(step, weights.flat(), gradients.flat(), first.flat(), second.flat());
      return;
    }
    Tensor velocity = row(first);
    kernels.scale(1, method == Method.MOMENTUM ? MOMENTUM : 0, velocity, velocity);
    kernels.addScaled(1, gradients.flat(), first.flat(), true, false);
    kernels.scale(1, rate, velocity, row(second));
    kernels.addScaled(-1, second.flat(), weights.flat(), true, false);
  }

  private static Tensor row(Parameters numbers) {
    Flat flat = numbers.flat();
    return Tensor.of(numbers.memory(), numbers.dtype(), 0, 1, Math.toIntExact(flat.length()));
  }

  @Override
  public void close() {
    second.close();
    first.close();
  }
}
