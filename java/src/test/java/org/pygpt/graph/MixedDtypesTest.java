package org.pygpt.graph;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.pygpt.backends.Backend;
import org.pygpt.kernels.Activation;
import org.pygpt.kernels.Gradient;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.Norm;
import org.pygpt.kernels.NormSpec;
import org.pygpt.support.Models;
import org.pygpt.support.Tolerances;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/** A tape of bfloat16 activations with float32 statistics, between float32 parameters. */
class MixedDtypesTest {
  private static final int ROWS = 7;
  private static final int C = 67;
  private static final Step STEP = Step.forward(1, ROWS);

  /** out = activation(norm(x) + bias), with the norm and its statistics kept for backward. */
  private record NormedActivation(
      Input x, Variable normed, Slot statistics, Norm norm, Tensor gradients, Variable out)
      implements Op {
    @Override
    public List<Input> inputs() {
      return List.of(x);
    }

    @Override
    public List<Slot> forwardSlots() {
      return List.of(x.valueSlot(), normed.valueSlot(), statistics, out.valueSlot());
    }

    @Override
    public List<Slot> backwardSlots() {
      return List.of(
          x.valueSlot(),
          normed.valueSlot(),
          normed.gradientSlot(),
          statistics,
          out.gradientSlot(),
          x.gradientSlot());
    }

    @Override
    public void forward(Kernels kernels, Step step) {
      kernels.norm(step.rows(), norm, x.value(), normed.value(), statistics.tensor());
      kernels.activation(Activation.GELU, step.rows(), normed.value(), norm.bias(), out.value());
    }

    @Override
    public void backward(Kernels kernels, Step step) {
      kernels.activationBackward(
          Activation.GELU,
          step.rows(),
          normed.value(),
          norm.bias(),
          out.gradient(),
          normed.gradient(),
          new Gradient(gradients.rows(0, 1), false));
      kernels.normBackward(
          step.rows(),
          norm,
          normed.gradient(),
          x.value(),
          statistics.tensor(),
          x.into(),
          new Gradient(gradients.rows(1, 1), false),
          new Gradient(gradients.rows(2, 1), false));
    }

    @Override
    public String describe() {
      return "activation of a norm";
    }
  }

  /** What two such ops, one after the other, give; the activations are of this dtype. */
  private static List<double[]> run(Backend backend, DType dtype) {
    int length = 2 * 5 * C; // of each op: weight, bias, three gradients
    try (Kernels kernels = backend.kernels(DType.FLOAT32, 2);
        Memory memory = HostDevice.host().allocate(DType.FLOAT32, length);
        Tape tape = new Tape(kernels, dtype, true)) {
      Tensor parameters = Tensor.of(memory, DType.FLOAT32, 0, 10, C);
      Random random = new Random(3);
      for (int row : new int[] {0, 1, 5, 6}) {
        parameters.writeRow(row, random.doubles(C).toArray());
      }
      Variable x = tape.variable(ROWS, C);
      Variable middle = tape.variable(ROWS, C);
      Variable out = tape.variable(ROWS, C);
      NormedActivation[] ops = {
        op(tape, x, parameters.rows(0, 5), middle), op(tape, middle, parameters.rows(5, 5), out)
      };
      for (NormedActivation op : ops) {
        tape.add(op);
      }
      tape.keep(out);
      tape.plan();
      tape.allocate();
      for (NormedActivation op : ops) {
        assertEquals(dtype, op.out.value().dtype());
        assertEquals(DType.FLOAT32, op.statistics.tensor().dtype());
        assertSame(op.out.value().memory(), op.statistics.tensor().memory());
      }
      for (int row = 0; row < ROWS; row++) {
        x.value().writeRow(row, random.doubles(C, -1, 1).toArray());
      }
      tape.forward(STEP);
      double[] result = Models.values(out.value());
      for (int row = 0; row < ROWS; row++) {
        out.gradient().writeRow(row, random.doubles(C, -1, 1).toArray());
      }
      tape.backward(STEP);
      return List.of(
          result,
          Models.values(ops[0].statistics.tensor()),
          Models.values(x.gradient()),
          Models.values(parameters));
    }
  }

  private static NormedActivation op(Tape tape, Variable x, Tensor parameters, Variable out) {
    Norm norm = new Norm(new NormSpec(true, 1e-5), parameters.rows(0, 1), parameters.rows(1, 1));
    return new NormedActivation(
        tape.use(x),
        tape.variable(ROWS, C),
        tape.slot(DType.FLOAT32, ROWS, 2),
        norm,
        parameters.rows(2, 3),
        out);
  }

  @ParameterizedTest
  @EnumSource(
      value = Backend.class,
      names = {"CPU", "PLAIN"})
  void roundingIsAllThatDiffers(Backend backend) {
    List<double[]> expected = run(Backend.PLAIN, DType.FLOAT32);
    List<double[]> got = run(backend, DType.BFLOAT16);
    for (int i = 0; i < expected.size(); i++) {
      double[] wanted = expected.get(i);
      double largest = Arrays.stream(wanted).map(Math::abs).max().getAsDouble();
      for (int j = 0; j < wanted.length; j++) {
        double error = Math.abs(got.get(i)[j] - wanted[j]);
        assertTrue(error <= Tolerances.BFLOAT16_CHAIN * largest, i + ": " + error / largest);
      }
    }
  }
}
