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

/** Rotary positions, in place on the heads of queries and keys that lead the packed columns. */
public final class Rotary implements Op {
  private final Variable qkv;
  private final int heads;
  private final Rotation rotation;
  private final Rotation inverse;
  private Positions positions; // of the last step on whole sequences

  /**
   * Binds the op.
   *
   * @param D columns of a head
   * @param angles (block_size, R), see {@link Kernels#rotary}
   */
  public Rotary(Variable qkv, int heads, int D, Tensor angles) {
    this.qkv = qkv;
    this.heads = heads;
    rotation = new Rotation(heads, D, angles, false);
    inverse = new Rotation(heads, D, angles, true);
  }

  /**
   * Angles of positions below T: cosines, then sines, of position * frequency, all times a factor,
   * (T, 2 * frequencies); owned by the caller.
   */
  public static Tensor angles(
      Device device, DType dtype, int T, double[] frequencies, double factor) {
    int half = frequencies.length;
    Tensor angles = Tensor.of(device.allocate(dtype, 2L * T * half), dtype, 0, T, 2 * half);
    double[] row = new double[2 * half];
    for (int position = 0; position < T; position++) {
      for (int d = 0; d < half; d++) {
        double angle = position * frequencies[d];
        row[d] = factor * Math.cos(angle);
        row[half + d] = factor * Math.sin(angle);
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
      positions = Positions.like(positions, step.B(), T);
      kernels.rotary(rotation, positions, qkv.value());
    }
    for (int b = 0; b < step.pasts().size(); b++) {
      int past = step.pasts().get(b).length();
      Tensor rows = qkv.value().rows(b * T, T);
      kernels.rotary(rotation, new Positions(1, T, past), rows);
    }
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    positions = Positions.like(positions, step.B(), step.T());
    kernels.rotary(inverse, positions, qkv.gradient());
  }

  @Override
  public String describe() {
    return "rotary  " + heads + " heads";
  }
}
