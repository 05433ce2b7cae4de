package org.pygpt.kernels.reference;

import static org.pygpt.kernels.reference.PlainKernels.at;
import static org.pygpt.tensor.HostMemory.get;
import static org.pygpt.tensor.HostMemory.set;

import org.apache.commons.math3.special.Erf;
import org.pygpt.kernels.Activation;
import org.pygpt.tensor.Tensor;

/** The activations of the feed-forward layer and their slopes; see docs/maths/activation.md. */
final class Activations {
  /** sqrt(2 / pi) and the cubic coefficient of GELU's tanh form, Hendrycks and Gimpel 2016. */
  private static final double GELU_SCALE = Math.sqrt(2 / Math.PI);

  private static final double GELU_CUBE = 0.044715;

  private Activations() {}

  /** With u = x + bias: out = f(u); with a gate, out = f(u[:F]) * u[F:]. (rows, F) */
  static void forward(Activation kind, int rows, Tensor x, Tensor bias, Tensor out) {
    int F = out.columns();
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < F; c++) {
        double u = get(x, row, c) + at(bias, c, 0);
        double gated = 1;
        if (kind == Activation.SWIGLU) {
          gated = get(x, row, F + c) + at(bias, F + c, 0);
        }
        set(out, row, c, value(kind, u) * gated);
      }
    }
  }

  /** dX = dOut * f'(u); with a gate, dX[:F] = dOut * f'(u) * u[F:], dX[F:] = dOut * f(u). */
  static void backward(Activation kind, int rows, Tensor x, Tensor bias, Tensor dOut, Tensor dX) {
    int F = dOut.columns();
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < F; c++) {
        double u = get(x, row, c) + at(bias, c, 0);
        double d = get(dOut, row, c);
        if (kind == Activation.SWIGLU) {
          double gated = get(x, row, F + c) + at(bias, F + c, 0);
          set(dX, row, c, d * gated * slope(kind, u));
          set(dX, row, F + c, d * u * sigmoid(u));
        } else {
          set(dX, row, c, d * slope(kind, u));
        }
      }
    }
  }

  /** f(u), without what a gate multiplies. */
  private static double value(Activation kind, double u) {
    return switch (kind) {
      case GELU -> u * sigmoid(2 * geluArgument(u)); // u * (1 + tanh(argument)) / 2
      case GELU_EXACT -> u * normalCdf(u);
      case RELU -> Math.max(u, 0);
      case RELU2 -> Math.max(u, 0) * Math.max(u, 0);
      case SWIGLU -> u * sigmoid(u);
    };
  }

  /** f'(u). */
  private static double slope(Activation kind, double u) {
    return switch (kind) {
      case GELU -> {
        double s = sigmoid(2 * geluArgument(u));
        double dArgument = GELU_SCALE * (1 + 3 * GELU_CUBE * u * u);
        yield s + u * s * (1 - s) * 2 * dArgument;
      }
      case GELU_EXACT -> normalCdf(u) + u * Math.exp(-u * u / 2) / Math.sqrt(2 * Math.PI);
      case RELU -> u > 0 ? 1 : 0;
      case RELU2 -> 2 * Math.max(u, 0);
      case SWIGLU -> {
        double s = sigmoid(u);
        yield s + u * s * (1 - s);
      }
    };
  }

  private static double geluArgument(double u) {
    return GELU_SCALE * (u + GELU_CUBE * u * u * u);
  }

  private static double sigmoid(double u) {
    return 1 / (1 + Math.exp(-u));
  }

  /** The cumulative normal distribution: commons-math's erf, exact to 1e-15. */
  private static double normalCdf(double u) {
    return 0.5 * Erf.erfc(-u / Math.sqrt(2));
  }
}
