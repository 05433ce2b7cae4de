package org.pygpt.kernels.reference;

import org.pygpt.kernels.AdamStep;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.HostMemory;

/** AdamW and the gradient's norm; see docs/maths/adamw.md. */
final class Optimizers {
  private Optimizers() {}

  static double sumOfSquares(Flat x) {
    double sum = 0;
    for (long i = 0; i < x.length(); i++) {
      sum += at(x, i) * at(x, i);
    }
    return sum;
  }

  /** m = β1 m + (1 - β1) g, v = β2 v + (1 - β2) g², weights -= rate (m̂ / (sqrt(v̂) + ε) + λ w). */
  static void adamW(AdamStep step, Flat weights, Flat gradients, Flat m, Flat v) {
    for (long i = 0; i < weights.length(); i++) {
      double g = at(gradients, i) * step.gradientScale();
      put(m, i, step.beta1() * at(m, i) + (1 - step.beta1()) * g);
      put(v, i, step.beta2() * at(v, i) + (1 - step.beta2()) * g * g);
      double root = Math.sqrt(at(v, i) * step.correction2()) + step.epsilon();
      double move = at(m, i) * step.correction1() / root + step.decay() * at(weights, i);
      put(weights, i, at(weights, i) - step.learningRate() * move);
    }
  }

  private static double at(Flat x, long index) {
    return ((HostMemory) x.memory()).get(x.dtype(), x.from() + index);
  }

  private static void put(Flat x, long index, double value) {
    ((HostMemory) x.memory()).set(x.dtype(), x.from() + index, value);
  }
}
