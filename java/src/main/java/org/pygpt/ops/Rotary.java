package org.pygpt.ops;

import java.util.List;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.Positions;
import org.pygpt.kernels.Rotation;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Device;
import org.pygpt.tensor.Tensor;

/**
 * Rotary positions, in place on the heads of queries and keys that lead the packed columns.
 *
 * @param angles (block_size, D), see {@link Kernels#rotary}
 */
public record Rotary(Variable qkv, int heads, Tensor angles) implements Op {
  /**
   * Angles of positions below T for heads of size D: cosines, then sines, of position *
   * theta^(-2d/D), (T, D); owned by the caller.
   */
  public static Tensor angles(Device device, DType dtype, int T, int D, double theta) {
    Tensor angles = Tensor.of(device.allocate(dtype, (long) T * D), dtype, 0, T, D);
    double[] row = new double[D];
    for (int position = 0; position < T; position++) {
      for (int d = 0; d < D / 2; d++) {
        double angle = position * Math.pow(theta, -2.0 * d / D);
        row[d] = Math.cos(angle);
        row[D / 2 + d] = Math.sin(angle);
      }
      angles.writeRow(position, row);
    }
    return angles;
  }

  @Override
  public boolean isConstant() {
    return qkv.isConstant();
  }

  @Override
  public List<Slot> forwardSlots() {
    return List.of(qkv.valueSlot());
  }

  @Override
  public List<Slot> backwardSlots() {
    return List.of(qkv.gradientSlot());
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    int T = step.T();
    if (step.pasts().isEmpty()) {
      Positions positions = new Positions(step.B(), T, 0);
      kernels.rotary(new Rotation(heads, angles, false), positions, qkv.value());
    }
    for (int b = 0; b < step.pasts().size(); b++) {
      int past = step.pasts().get(b).length();
      Positions positions = new Positions(1, T, past);
      Tensor rows = qkv.value().rows(b * T, T);
      kernels.rotary(new Rotation(heads, angles, false), positions, rows);
    }
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    Positions positions = new Positions(step.B(), step.T(), 0);
    kernels.rotary(new Rotation(heads, angles, true), positions, qkv.gradient());
  }

  @Override
  public String describe() {
    return "rotary  " + heads + " heads";
  }
}
