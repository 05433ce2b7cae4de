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
    };
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
