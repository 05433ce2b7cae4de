package org.pygpt.kernels.cuda;

import static org.pygpt.kernels.cuda.CudaMemory.address;

import org.pygpt.kernels.PackedMatrix;
import org.pygpt.kernels.QuantizedMatrix;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/**
 * A bfloat16 copy, (out, in), of a matrix whose weights are rounded to it, for products of few rows
 * of float32: a step of generation reads half as many bytes. Nothing is rounded but the sums.
 */
final class CudaMatrix implements PackedMatrix {
  private final Launch launch;
  private final int inputs;
  private final int outputs;
  private final Memory memory;
  private final Tensor copy;

  CudaMatrix(CudaDevice device, Launch launch, QuantizedMatrix matrix) {
    this.launch = launch;
    inputs = matrix.inputs();
    outputs = matrix.outputs();
    memory = device.allocate(byteSize(inputs, outputs));
    copy = Tensor.of(memory, DType.BFLOAT16, 0, outputs, inputs);
    Tensor weight = matrix.weight();
    launch.of(Function.ROUND_WEIGHTS).add(weight.rows()).add(weight.columns());
    launch.add(!matrix.outputsAreRows()).strided(weight).address(copy);
    launch.overRows(weight.rows(), weight.columns());
  }

  /** Size in bytes of a copy. */
  static long byteSize(int inputs, int outputs) {
    return (long) inputs * outputs * DType.BFLOAT16.bytes();
  }

  @Override
  public void multiply(int rows, Tensor x, Tensor out) {
    launch.of(Function.FEW_ROWS).add(rows).add(inputs).add(outputs);
    launch.strided(x).add(address(copy)).strided(out).warpARow(outputs);
  }

  @Override
  public void close() {
    memory.close();
  }
}
