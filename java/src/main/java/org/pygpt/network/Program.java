package org.pygpt.network;

import java.util.List;
import java.util.function.DoubleSupplier;
import org.pygpt.graph.Step;
import org.pygpt.graph.Tape;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Activation;
import org.pygpt.kernels.Kernels;
import org.pygpt.model.Parameters;
import org.pygpt.ops.BinaryCrossEntropy;
import org.pygpt.ops.FeedForwardActivation;
import org.pygpt.ops.Linear;
import org.pygpt.ops.Loss;
import org.pygpt.ops.Parameter;
import org.pygpt.ops.SquaredError;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/** Mutable: a network's tape for so many rows, and the memory that it reads its examples from. */
final class Program implements AutoCloseable {
  private final Tape tape;
  private final Parameters weights;
  private final Parameters gradients; // null on a tape that only runs forward
  private final int rows;
  private final Variable input;
  private final Memory targetMemory;
  private final Tensor targets;
  private Variable out; // what predictions are read from; logits where the loss has the softmax
  private final DoubleSupplier loss;

  /**
   * Builds and allocates the tape.
   *
   * @param gradients null for a tape that only runs forward
   * @param rows most that a step has
   */
  Program(
      Kernels kernels,
      List<Dense> layers,
      LossFunction function,
      Parameters weights,
      Parameters gradients,
      int rows) {
    this.weights = weights;
    this.gradients = gradients;
    this.rows = rows;
    DType dtype = weights.dtype();
    tape = new Tape(kernels, dtype, gradients != null);
    input = tape.variable(rows, weights.get("0.weight").rows());
    input.constantIf(true);
    boolean isClass = function == LossFunction.CROSS_ENTROPY;
    int columns = isClass ? 1 : layers.getLast().units();
    DType kind = isClass ? DType.INT32 : dtype;
    targetMemory = kernels.device().allocate(kind, (long) rows * columns);
    targets = Tensor.of(targetMemory, kind, 0, rows, columns);
    Variable last = input;
    for (int i = 0; i < layers.size(); i++) {
      boolean inLoss = i == layers.size() - 1 && function != LossFunction.MSE;
      last = layer(i, inLoss ? Activation.LINEAR : layers.get(i).function(), last, layers.get(i));
    }
    out = last;
    loss = loss(function, last);
    tape.keep(input);
    tape.keep(out);
    tape.plan();
    tape.allocate();
  }

  private Variable layer(int index, Activation activation, Variable x, Dense dense) {
    Parameter weight = parameter(index + ".weight");
    Parameter bias = dense.bias() ? parameter(index + ".bias") : null;
    Variable sums = tape.variable(rows, dense.units());
    boolean isLinear = activation == Activation.LINEAR;
    tape.add(new Linear(tape.use(x), weight, isLinear ? bias : null, false, sums));
    if (isLinear) {
      return sums;
    }
    Variable y = tape.variable(rows, dense.units());
    tape.add(new FeedForwardActivation(activation, tape.use(sums), bias, y));
    return y;
  }

  private Parameter parameter(String name) {
    Tensor gradient = gradients == null ? null : gradients.get(name);
    return new Parameter(name, weights.get(name), gradient, null);
  }

  private DoubleSupplier loss(LossFunction function, Variable last) {
    return switch (function) {
      case MSE -> {
        SquaredError error = new SquaredError(tape, last, targets);
        tape.add(error);
        yield error::value;
      }
      case BINARY_CROSS_ENTROPY -> {
        out = tape.variable(rows, last.columns());
        BinaryCrossEntropy entropy = new BinaryCrossEntropy(last, out, targets);
        tape.add(entropy);
        yield entropy::value;
      }
      case CROSS_ENTROPY -> {
        Loss entropy = new Loss(last, targets);
        tape.add(entropy);
        yield entropy::value;
      }
    };
  }

  /** Uploads a row of numbers and what should come out of it, which may be null. */
  void load(int row, double[] x, double[] target) {
    input.value().writeRow(row, x);
    if (target != null) {
      targets.writeRow(row, target);
    }
  }

  /** Columns of a target: 1 where it is the number of a class. */
  int targetColumns() {
    return targets.columns();
  }

  /** Runs the first {@code count} rows forward; returns the loss. */
  double forward(int count) {
    tape.forward(step(count));
    return loss.getAsDouble();
  }

  /** Computes the gradients of the weights, after {@link #forward}. */
  void backward(int count) {
    tape.backward(step(count));
  }

  private static Step step(int count) {
    return new Step(count, 1, false, 0);
  }

  /** Downloads a row of what the last layer returned. */
  void read(int row, double[] to) {
    out.value().readRow(row, to);
  }

  /** The ops in the order of forward, as text. */
  List<String> describe() {
    return tape.ops().stream().map(op -> op.describe()).toList();
  }

  @Override
  public void close() {
    tape.close();
    targetMemory.close();
  }
}
