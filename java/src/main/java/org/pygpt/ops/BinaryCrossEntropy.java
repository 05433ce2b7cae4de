package org.pygpt.ops;

import java.util.ArrayList;
import java.util.List;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Activation;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.Tensor;

/**
 * Sigmoid and mean cross-entropy of targets from 0 to 1, the last op of the tape: with p = 1 / (1 +
 * e^-logit) the mean of -(target ln p + (1 - target) ln(1 - p)). On a tape that trains, forward
 * also writes the gradient of the logits, (p - target) / n.
 */
public final class BinaryCrossEntropy implements Op {
  private final Variable logits;
  private final Variable probabilities;
  private final Tensor targets;
  private double value;

  /** Reads {@code targets}, (rows, columns of logits), at each step. */
  public BinaryCrossEntropy(Variable logits, Variable probabilities, Tensor targets) {
    this.logits = logits;
    this.probabilities = probabilities;
    this.targets = targets;
  }

  /** The loss of the last forward, in nats. */
  public double value() {
    return value;
  }

  @Override
  public boolean isConstant() {
    return logits.isConstant();
  }

  @Override
  public List<Slot> forwardSlots() {
    List<Slot> slots = new ArrayList<>(List.of(logits.valueSlot(), probabilities.valueSlot()));
    slots.add(logits.gradientSlot());
    return slots;
  }

  @Override
  public List<Slot> backwardSlots() {
    List<Slot> slots = new ArrayList<>();
    slots.add(logits.gradientSlot());
    return slots;
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    int rows = step.rows();
    Tensor into = logits.gradient();
    kernels.activation(Activation.SIGMOID, rows, logits.value(), null, probabilities.value());
    value = mean(rows);
    if (into != null) {
      SquaredError.subtract(kernels, rows, probabilities.value(), targets, into);
      kernels.scale(rows, 1.0 / ((long) rows * logits.columns()), into, into);
    }
  }

  /** The loss from the logits, in float64 on the host: a probability near 1 has no digits left. */
  private double mean(int rows) {
    double[] logit = new double[logits.columns()];
    double[] target = new double[logits.columns()];
    double sum = 0;
    for (int row = 0; row < rows; row++) {
      logits.value().readRow(row, logit);
      targets.readRow(row, target);
      for (int i = 0; i < logit.length; i++) {
        double z = logit[i];
        sum += Math.max(z, 0) - z * target[i] + Math.log1p(Math.exp(-Math.abs(z)));
      }
    }
    return sum / ((long) rows * logit.length);
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    // done by forward
  }

  @Override
  public String describe() {
    return "sigmoid, cross-entropy  of " + logits.columns() + " logits";
  }
}
