package org.pygpt.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pygpt.graph.Step;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Device;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: the token ids and targets that a tape reads: on the host, where callers write them, and
 * on the tape's device. Where that is the host, it is one memory.
 */
final class Tokens implements AutoCloseable {
  private final int rows;
  private final HostMemory host;
  private final Memory device;

  /** Room for so many ids and targets. */
  Tokens(Device device, int rows) {
    this.rows = rows;
    host = HostDevice.host().allocate(DType.INT32, 2L * rows);
    this.device = device == host.device() ? host : device.allocate(DType.INT32, 2L * rows);
  }

  int rows() {
    return rows;
  }

  /** Where callers write the ids: int32 (rows, 1). */
  Tensor hostIds() {
    return Tensor.of(host, DType.INT32, 0, rows, 1);
  }

  /** Where callers write the targets: int32 (rows, 1). */
  Tensor hostTargets() {
    return Tensor.of(host, DType.INT32, rows, rows, 1);
  }

  /** What the tape reads: int32 (rows, 1). */
  Tensor ids() {
    return Tensor.of(device, DType.INT32, 0, rows, 1);
  }

  /** What the tape scores: int32 (rows, 1). */
  Tensor targets() {
    return Tensor.of(device, DType.INT32, rows, rows, 1);
  }

  /**
   * Checks what the callers wrote for the next step, and uploads it.
   *
   * @throws IllegalArgumentException if an id is outside [0, V), or a target is V or more
   */
  void load(Step step, int V) {
    MemorySegment segment = host.segment();
    for (int row = 0; row < step.rows(); row++) {
      int id = segment.getAtIndex(ValueLayout.JAVA_INT, row);
      int target = segment.getAtIndex(ValueLayout.JAVA_INT, (long) rows + row);
      if (id < 0 || id >= V || target >= V) {
        throw outside(step, row, V, id, target);
      }
    }
    if (device != host) {
      long bytes = 4L * step.rows();
      device.write(DType.INT32, 0, segment.asSlice(0, bytes));
      device.write(DType.INT32, rows, segment.asSlice(4L * rows, bytes));
    }
  }

  private static IllegalArgumentException outside(Step step, int row, int V, int id, int target) {
    boolean idIsWrong = id < 0 || id >= V;
    return new IllegalArgumentException(
        String.format(
            "%s: expected %d to %d (vocab_size - 1), got %d in sequence %d at position %d",
            idIsWrong ? "ids" : "targets",
            idIsWrong ? 0 : -1,
            V - 1,
            idIsWrong ? id : target,
            row / step.T(),
            row % step.T()));
  }

  @Override
  public void close() {
    host.close();
    device.close();
  }
}
