package org.pygpt.kernels.nd4j;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.ops.transforms.Transforms;
import org.pygpt.kernels.Activation;

/**
 * The non-linearities and their slopes.
 *
 * <p>ND4J's own GELU is another one: it cubes 0.044715 x rather than x.
 */
final class Activations {
  /** sqrt(2 / pi) and the cubic coefficient of GELU's tanh form, Hendrycks and Gimpel 2016. */
  private static final double GELU_SCALE = Math.sqrt(2 / Math.PI);

  private static final double GELU_CUBE = 0.044715;

  private static final double QUICK_SCALE = 1.702; // Hendrycks and Gimpel 2016, sigmoid form
  private static final double LAPLACE_MEAN = Math.sqrt(0.5); // Ma et al. 2022, MEGA
  private static final double LAPLACE_STD = Math.sqrt(1 / (4 * Math.PI));
  private static final double LEAK = 0.01; // PyTorch's default
  private static final double TINY = 1e-30; // so that 0 / 0, where both are lost, is 0

  private Activations() {}

  /** activation(x): (rows, F). */
  static INDArray forward(Activation kind, INDArray x) {
    return switch (kind) {
      case GELU -> geluGate(x).muli(x);
      case GELU_EXACT -> normalCdf(x).muli(x);
      case RELU -> Transforms.relu(x);
      case RELU2 -> {
        INDArray positive = Transforms.relu(x);
        yield positive.mul(positive);
      }
      case SWIGLU -> {
        INDArray gate = half(x, 0);
        yield Transforms.sigmoid(gate).muli(gate).muli(half(x, 1));
      }
      default ->
          kind.isGated()
              ? value(kind.function(), half(x, 0).dup()).muli(half(x, 1))
              : value(kind, x);
    };
  }

  /** Gradient of {@link #forward} with respect to x, of its shape. */
  static INDArray backward(Activation kind, INDArray x, INDArray dOut) {
    return switch (kind) {
      case GELU -> {
        INDArray gate = geluGate(x);
        INDArray dArgument = x.mul(x).muli(3 * GELU_CUBE).addi(1).muli(2 * GELU_SCALE);
        // gate + x * gate * (1 - gate) * dArgument
        yield gate.rsub(1).muli(gate).muli(x).muli(dArgument).addi(gate).muli(dOut);
      }
      case GELU_EXACT -> {
        INDArray density = Transforms.exp(x.mul(x).divi(-2)).divi(Math.sqrt(2 * Math.PI));
        yield density.muli(x).addi(normalCdf(x)).muli(dOut);
      }
      case RELU -> x.gt(0).castTo(DataType.FLOAT).muli(dOut);
      case RELU2 -> Transforms.relu(x).muli(2).muli(dOut);
      case SWIGLU -> {
        INDArray gate = half(x, 0);
        INDArray sigmoid = Transforms.sigmoid(gate);
        // sigmoid + gate * sigmoid * (1 - sigmoid)
        INDArray slope = sigmoid.rsub(1).muli(sigmoid).muli(gate).addi(sigmoid);
        INDArray dGate = slope.muli(half(x, 1)).muli(dOut);
        INDArray dValue = sigmoid.mul(gate).muli(dOut);
        yield Nd4j.concat(1, dGate, dValue);
      }
      default -> {
        if (!kind.isGated()) {
          yield slope(kind, x).muli(dOut);
        }
        INDArray gate = half(x, 0).dup();
        INDArray dGate = slope(kind.function(), gate).muli(half(x, 1)).muli(dOut);
        yield Nd4j.concat(1, dGate, value(kind.function(), gate).muli(dOut));
      }
    };
  }

  /** f(x) of an activation without a gate, in an array of its own. */
  private static INDArray value(Activation kind, INDArray x) {
    return switch (kind) {
      case GELU, GELU_EXACT, RELU2 -> forward(kind, x);
      case RELU -> Transforms.relu(x, true);
      case SILU -> Transforms.sigmoid(x).muli(x);
      case QUICK_GELU -> Transforms.sigmoid(x.mul(QUICK_SCALE)).muli(x);
      case GELU_10 -> clip(normalCdf(x).muli(x), -10, 10);
      case SIGMOID -> Transforms.sigmoid(x);
      case TANH -> Transforms.tanh(x);
      case MISH -> Transforms.tanh(softplus(x)).muli(x);
      case LAPLACE -> normalCdf(x.sub(LAPLACE_MEAN).divi(LAPLACE_STD));
      case LEAKY_RELU -> x.mul(leak(x));
      case RELU6 -> clip(x.dup(), 0, 6);
      case HARDSWISH -> clip(x.add(3), 0, 6).muli(x).divi(6);
      case SQRTSOFTPLUS -> Transforms.sqrt(softplus(x));
      case LINEAR -> x.dup();
      default -> throw new IllegalArgumentException(kind + " has a gate");
    };
  }

  /** f'(x) of an activation without a gate, in an array of its own. */
  private static INDArray slope(Activation kind, INDArray x) {
    return switch (kind) {
      case GELU, GELU_EXACT, RELU, RELU2 -> backward(kind, x, Nd4j.onesLike(x));
      case SILU -> sigmoidSlope(x, 1);
      case QUICK_GELU -> sigmoidSlope(x, QUICK_SCALE);
      case GELU_10 -> {
        INDArray inside = normalCdf(x).muli(x).lte(10).castTo(DataType.FLOAT);
        yield backward(Activation.GELU_EXACT, x, inside);
      }
      case SIGMOID -> {
        INDArray sigmoid = Transforms.sigmoid(x);
        yield sigmoid.rsub(1).muli(sigmoid);
      }
      case TANH -> {
        INDArray tanh = Transforms.tanh(x);
        yield tanh.mul(tanh).rsubi(1);
      }
      case MISH -> {
        INDArray tanh = Transforms.tanh(softplus(x));
        yield tanh.mul(tanh).rsubi(1).muli(x).muli(Transforms.sigmoid(x)).addi(tanh);
      }
      case LAPLACE -> {
        INDArray shifted = x.sub(LAPLACE_MEAN).divi(LAPLACE_STD);
        INDArray density = Transforms.exp(shifted.mul(shifted).divi(-2));
        yield density.divi(Math.sqrt(2 * Math.PI) * LAPLACE_STD);
      }
      case LEAKY_RELU -> leak(x);
      case RELU6 -> x.gt(0).castTo(DataType.FLOAT).muli(x.lt(6).castTo(DataType.FLOAT));
      case HARDSWISH -> {
        INDArray inner = x.mul(2).addi(3).divi(6).muli(x.gt(-3).castTo(DataType.FLOAT));
        INDArray above = x.gte(3).castTo(DataType.FLOAT);
        yield inner.muli(above.rsub(1)).addi(above);
      }
      case SQRTSOFTPLUS ->
          Transforms.sigmoid(x).divi(Transforms.sqrt(softplus(x)).muli(2).addi(TINY));
      case LINEAR -> Nd4j.onesLike(x);
      default -> throw new IllegalArgumentException(kind + " has a gate");
    };
  }

  /** The slope of x * sigmoid(scale * x). */
  private static INDArray sigmoidSlope(INDArray x, double scale) {
    INDArray sigmoid = Transforms.sigmoid(x.mul(scale));
    return sigmoid.rsub(1).muli(sigmoid).muli(x).muli(scale).addi(sigmoid);
  }

  /** 1 where x is positive, else 0.01. */
  private static INDArray leak(INDArray x) {
    return x.gt(0).castTo(DataType.FLOAT).muli(1 - LEAK).addi(LEAK);
  }

  /** log(1 + e^x) = max(x, 0) + log(1 + e^-|x|). */
  private static INDArray softplus(INDArray x) {
    INDArray e = Transforms.exp(Transforms.abs(x).negi());
    INDArray sum = e.add(1);
    INDArray rounded = sum.sub(1);
    INDArray isLost = rounded.eq(0).castTo(DataType.FLOAT); // where the logarithm is e itself
    // log(1 + e) = log(sum) * e / (sum - 1): what the sum lost by rounding cancels
    INDArray log = Transforms.log(sum).muli(e).divi(rounded.addi(isLost)).addi(e.mul(isLost));
    return log.addi(Transforms.relu(x, true));
  }

  private static INDArray clip(INDArray x, double least, double most) {
    return Transforms.min(Transforms.max(x, least), most);
  }

  /** (1 + tanh(u)) / 2 of GELU's argument u = sqrt(2 / pi) (x + 0.044715 x^3). */
  private static INDArray geluGate(INDArray x) {
    INDArray argument = x.mul(x).muli(GELU_CUBE).addi(1).muli(x).muli(GELU_SCALE);
    return Transforms.sigmoid(argument.muli(2));
  }

  /** Cumulative normal distribution: erfc(-x / sqrt(2)) / 2. */
  private static INDArray normalCdf(INDArray x) {
    // ND4J's erfc overwrites its argument: here, the quotient.
    return Nd4j.math().erfc(x.div(-Math.sqrt(2))).divi(2);
  }

  /** The first or second half of the columns: gates or values. */
  private static INDArray half(INDArray x, int half) {
    long F = x.size(1) / 2;
    return x.get(NDArrayIndex.all(), NDArrayIndex.interval(half * F, (half + 1) * F));
  }
}
