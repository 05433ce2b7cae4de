package org.pygpt.kernels.reference;

import static org.pygpt.kernels.reference.PlainKernels.at;
import static org.pygpt.tensor.HostMemory.get;
import static org.pygpt.tensor.HostMemory.set;

import org.apache.commons.math3.special.Erf;
import org.pygpt.kernels.Activation;
import org.pygpt.tensor.Tensor;

/** The activations of the feed-forward layer and their slopes; see docs/maths/activation.md. */
public final class Activations {
  /** sqrt(2 / pi) and the cubic coefficient of GELU's tanh form, Hendrycks and Gimpel 2016. */
  private static final double GELU_SCALE = Math.sqrt(2 / Math.PI);

  private static final double GELU_CUBE = 0.044715;

  /** Hendrycks and Gimpel 2016, the sigmoid form. */
  private static final double QUICK_SCALE = 1.702;

  /** Ma et al. 2022, MEGA: the mean and the deviation that make it near to squared ReLU. */
  private static final double LAPLACE_MEAN = Math.sqrt(0.5);

  private static final double LAPLACE_STD = Math.sqrt(1 / (4 * Math.PI));

  /** PyTorch's default. */
  private static final double LEAK = 0.01;

  private Activations() {}

  /** With u = x + bias: out = f(u); with a gate, out = f(u[:F]) * u[F:]. (rows, F) */
  static void forward(Activation kind, int rows, Tensor x, Tensor bias, Tensor out) {
    int F = out.columns();
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < F; c++) {
        double u = get(x, row, c) + at(bias, c, 0);
        double gated = 1;
        if (kind.isGated()) {
          gated = get(x, row, F + c) + at(bias, F + c, 0);
        }
        set(out, row, c, value(kind.function(), u) * gated);
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
        if (kind.isGated()) {
          double gated = get(x, row, F + c) + at(bias, F + c, 0);
          set(dX, row, c, d * gated * slope(kind.function(), u));
          set(dX, row, F + c, d * value(kind.function(), u));
        } else {
          set(dX, row, c, d * slope(kind, u));
        }
      }
    }
  }

  /** f(u) of an activation without a gate. */
  public static double value(Activation kind, double u) {
    return switch (kind) {
      case GELU -> u * sigmoid(2 * geluArgument(u)); // u * (1 + tanh(argument)) / 2
      case GELU_EXACT -> u * normalCdf(u);
      case RELU -> Math.max(u, 0);
      case RELU2 -> Math.max(u, 0) * Math.max(u, 0);
      case SILU -> u * sigmoid(u);
      case QUICK_GELU -> u * sigmoid(QUICK_SCALE * u);
      case GELU_10 -> Math.clamp(u * normalCdf(u), -10.0, 10.0);
      case SIGMOID -> sigmoid(u);
      case TANH -> Math.tanh(u);
      case MISH -> u * Math.tanh(softplus(u));
      case LAPLACE -> normalCdf((u - LAPLACE_MEAN) / LAPLACE_STD);
      case LEAKY_RELU -> u > 0 ? u : LEAK * u;
      case RELU6 -> Math.clamp(u, 0.0, 6.0);
      case HARDSWISH -> u * Math.clamp(u + 3, 0.0, 6.0) / 6;
      case SQRTSOFTPLUS -> Math.sqrt(softplus(u));
      case LINEAR -> u;
      default -> throw new IllegalArgumentException(kind + " has a gate");
    };
  }

  /** f'(u) of an activation without a gate. */
  public static double slope(Activation kind, double u) {
    return switch (kind) {
      case GELU -> {
        double s = sigmoid(2 * geluArgument(u));
        double dArgument = GELU_SCALE * (1 + 3 * GELU_CUBE * u * u);
        yield s + u * s * (1 - s) * 2 * dArgument;
      }
      case GELU_EXACT -> normalCdf(u) + u * density(u);
      case RELU -> u > 0 ? 1 : 0;
      case RELU2 -> 2 * Math.max(u, 0);
      case SILU -> {
        double s = sigmoid(u);
        yield s + u * s * (1 - s);
      }
      case QUICK_GELU -> {
        double s = sigmoid(QUICK_SCALE * u);
        yield s + QUICK_SCALE * u * s * (1 - s);
      }
      case GELU_10 -> u * normalCdf(u) > 10 ? 0 : normalCdf(u) + u * density(u);
      case SIGMOID -> sigmoid(u) * (1 - sigmoid(u));
      case TANH -> 1 - Math.tanh(u) * Math.tanh(u);
      case MISH -> {
        double t = Math.tanh(softplus(u));
        yield t + u * (1 - t * t) * sigmoid(u);
      }
      case LAPLACE -> density((u - LAPLACE_MEAN) / LAPLACE_STD) / LAPLACE_STD;
      case LEAKY_RELU -> u > 0 ? 1 : LEAK;
      case RELU6 -> u > 0 && u < 6 ? 1 : 0;
      case HARDSWISH -> u <= -3 ? 0 : u >= 3 ? 1 : (2 * u + 3) / 6;
      case SQRTSOFTPLUS -> sigmoid(u) / (2 * Math.sqrt(softplus(u)));
      case LINEAR -> 1;
      default -> throw new IllegalArgumentException(kind + " has a gate");
    };
  }

  /** log(1 + e^u). */
  private static double softplus(double u) {
    return Math.max(u, 0) + Math.log1p(Math.exp(-Math.abs(u)));
  }

  /** Of the normal distribution. */
  private static double density(double u) {
    return Math.exp(-u * u / 2) / Math.sqrt(2 * Math.PI);
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
