package org.pygpt.kernels.cuda;

import java.lang.foreign.MemorySegment;
import org.pygpt.kernels.Activation;
import org.pygpt.kernels.AdamStep;
import org.pygpt.kernels.AttentionSpec;
import org.pygpt.kernels.CrossEntropy;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.Gradient;
import org.pygpt.kernels.Heads;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.MatMul;
import org.pygpt.kernels.Norm;
import org.pygpt.kernels.PackedMatrix;
import org.pygpt.kernels.Positions;
import org.pygpt.kernels.QuantizedMatrix;
import org.pygpt.kernels.Residual;
import org.pygpt.kernels.Rotation;
import org.pygpt.kernels.WeightFormat;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Device;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.Tensor;

/**
 * Kernels of our own on an NVIDIA card, and cuBLASLt's products; what activations are may be
 * bfloat16, all sums are float32. Sums have a fixed order: the same input gives the same bits. A
 * call returns when its work is in the card's queue; only what returns a number waits for it.
 */
public final class CudaKernels implements Kernels {
  /** Rows whose columns one block sums: ROWS_OF_SUM of elements.cu. */
  private static final int ROWS_OF_SUM = 256;

  /** Elements whose squares one block sums. */
  private static final int SQUARES = 4096;

  private static final int WARP = 32;
  private static final int LINE = 128;

  private final CudaDevice device;
  private final Launch launch;
  private final CudaAttention attention;
  private final TokenOrder tokens;
  private final Scratch parts;
  private final Scratch terms;
  private final Scratch number;
  private double[] squares = {}; // of blocks, as they were read last

  /**
   * The kernels of a card.
   *
   * @param card its number, from 0, as the driver counts them
   * @throws CudaException if there is no card, driver or library that fits
   */
  public CudaKernels(int card) {
    device = CudaDevice.open(card);
    launch = new Launch(device);
    attention = new CudaAttention(device, launch);
    tokens = new TokenOrder(device);
    parts = new Scratch(device);
    terms = new Scratch(device);
    number = new Scratch(device);
  }

  /**
   * Bytes that are free on a card, which is opened for good.
   *
   * @throws CudaException if there is no card, driver or library that fits
   */
  public static long freeBytes(int card) {
    return CudaDevice.open(card).freeBytes();
  }

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public String description() {
    return "CUDA on " + device.description();
  }

  @Override
  public Device device() {
    return device;
  }

  // ---- linear layers ---------------------------------------------------------------------------

  @Override
  public void requireBfloat16() {
    device.requireBfloat16();
  }

  @Override
  public void gemm(MatMul shape, Tensor a, Tensor b, Tensor c) {
    device.cublas().multiply(shape, a, b, c);
  }

  /** Whole lines of 128 bytes for wide rows, as of a vocabulary: cuBLASLt then reads fast. */
  @Override
  public int rowStride(DType dtype, int columns) {
    int line = LINE / dtype.bytes();
    return columns < 2 * line ? columns : Math.ceilDiv(columns, line) * line;
  }

  @Override
  public PackedMatrix pack(QuantizedMatrix matrix) {
    return matrix.format() == WeightFormat.BFLOAT16 ? new CudaMatrix(device, launch, matrix) : null;
  }

  @Override
  public long packedBytes(WeightFormat format, int inputs, int outputs) {
    return format == WeightFormat.BFLOAT16 ? CudaMatrix.byteSize(inputs, outputs) : 0;
  }

  @Override
  public void bias(int rows, Tensor bias, Tensor x) {
    launch.of(Function.BIAS).add(rows).add(x.columns()).address(bias).matrix(x);
    launch.overRows(rows, x.columns());
  }

  @Override
  public void biasBackward(int rows, Tensor dX, Gradient dBias) {
    int columns = dX.columns();
    long partial = partialSums(rows, columns);
    launch.of(Function.COLUMN_SUMS).add(rows).add(columns).matrix(dX).add(partial);
    sumColumns(rows, columns, partial, dBias);
  }

  /** The address of room for sums of parts of columns. */
  private long partialSums(int rows, int columns) {
    return parts.address((long) Float.BYTES * Math.ceilDiv(rows, ROWS_OF_SUM) * columns);
  }

  /** Starts a kernel that sums columns in parts, and then the one that adds the parts. */
  private void sumColumns(int rows, int columns, long partial, Gradient sums) {
    int count = Math.ceilDiv(rows, ROWS_OF_SUM);
    launch.run(Math.ceilDiv(columns, WARP), count, 1, WARP, 8, 0);
    launch.of(Function.ADD_PARTS).add(count).add(columns).add(partial);
    launch.address(sums.tensor()).add(sums.add()).overElements(columns);
  }

  // ---- embedding -------------------------------------------------------------------------------

  @Override
  public void embedding(Positions positions, Tensor ids, Tensor wte, Tensor wpe, Tensor out) {
    int rows = positions.rows();
    launch.of(Function.EMBEDDING).add(rows).add(positions.T()).add(positions.past());
    launch.add(out.columns()).strided(ids).strided(wte).strided(wpe).matrix(out);
    launch.overRows(rows, out.columns());
  }

  @Override
  public void embeddingBackward(
      Positions positions, Tensor ids, Tensor dOut, Gradient dWte, Gradient dWpe) {
    int columns = dOut.columns();
    if (dWte != null) {
      clear(dWte);
      tokens.read(ids, positions.rows(), dWte.tensor().rows());
      launch.of(Function.EMBEDDING_BACKWARD).add(columns);
      launch.address(tokens.tokens()).address(tokens.starts()).address(tokens.order());
      launch.matrix(dOut).strided(dWte.tensor());
      launch.blocks(tokens.count(), Math.ceilDiv(columns, 256));
    }
    if (dWpe != null) {
      clear(dWpe);
      launch.of(Function.POSITION_BACKWARD).add(positions.B()).add(positions.T()).add(columns);
      launch.matrix(dOut).strided(dWpe.tensor()).overRows(positions.T(), columns);
    }
  }

  private static void clear(Gradient gradient) {
    if (!gradient.add()) {
      gradient.tensor().zero();
    }
  }

  // ---- residual sums and norms -----------------------------------------------------------------

  @Override
  public void residual(int rows, Residual residual) {
    int columns = residual.x().columns();
    launch.of(Function.RESIDUAL).add(rows).add(columns).matrix(residual.x());
    launch.matrix(residual.branch()).address(residual.bias()).matrix(residual.sum());
    launch.overRows(rows, columns);
  }

  @Override
  public void norm(int rows, Norm norm, Tensor x, Tensor out, Tensor statistics) {
    launch.of(Function.NORM_FORWARD).add(rows).add(x.columns()).add(norm.spec().centred());
    launch.add(norm.spec().epsilon()).matrix(x).address(norm.weight()).address(norm.bias());
    launch.matrix(out).strided(statistics).warpARow(rows);
  }

  @Override
  public void normBackward(
      int rows,
      Norm norm,
      Tensor dOut,
      Tensor x,
      Tensor statistics,
      Gradient dX,
      Gradient dWeight,
      Gradient dBias) {
    int columns = x.columns();
    if (dWeight != null) {
      long partial = partialSums(rows, columns);
      launch.of(Function.NORM_WEIGHT_SUMS).add(rows).add(columns).matrix(dOut).matrix(x);
      launch.strided(statistics).add(partial);
      sumColumns(rows, columns, partial, dWeight);
    }
    if (dBias != null) {
      biasBackward(rows, dOut, dBias);
    }
    launch.of(Function.NORM_BACKWARD).add(rows).add(columns).add(norm.spec().centred());
    launch.matrix(dOut).matrix(x).address(norm.weight()).strided(statistics);
    launch.matrix(dX.tensor()).add(dX.add()).warpARow(rows);
  }

  // ---- element-wise ----------------------------------------------------------------------------

  @Override
  public void activation(Activation kind, int rows, Tensor x, Tensor bias, Tensor out) {
    launch.of(Function.ACTIVATION).add(kind.function().ordinal()).add(kind.isGated());
    launch.add(rows).add(out.columns()).matrix(x).address(bias).matrix(out);
    launch.overRows(rows, out.columns());
  }

  @Override
  public void activationBackward(
      Activation kind, int rows, Tensor x, Tensor bias, Tensor dOut, Tensor dX, Gradient dBias) {
    launch.of(Function.ACTIVATION_BACKWARD).add(kind.function().ordinal()).add(kind.isGated());
    launch.add(rows).add(dOut.columns()).matrix(x).address(bias).matrix(dOut).matrix(dX);
    launch.overRows(rows, dOut.columns());
    if (dBias != null) {
      biasBackward(rows, dX, dBias);
    }
  }

  @Override
  public void scale(int rows, double factor, Tensor x, Tensor out) {
    launch.of(Function.SCALE).add(rows).add(x.columns()).add(factor).matrix(x).matrix(out);
    launch.overRows(rows, x.columns());
  }

  @Override
  public void rotary(Rotation rotation, Positions positions, Tensor x) {
    int half = rotation.angles().columns() / 2;
    launch.of(Function.ROTARY).add(positions.rows()).add(positions.T()).add(positions.past());
    launch.add(rotation.heads()).add(rotation.D()).add(half).strided(rotation.angles());
    launch.add(rotation.inverse() ? -1.0 : 1.0).matrix(x);
    launch.overRows(positions.rows(), rotation.heads() * half);
  }

  @Override
  public void dropout(int rows, Tensor x, Tensor bias, DropoutMask mask, Tensor out) {
    launch.of(Function.DROPOUT).add(rows).add(x.columns()).matrix(x).address(bias);
    launch.add(mask.key()).add(mask.threshold()).add((double) mask.scale()).matrix(out);
    launch.overRows(rows, x.columns());
  }

  @Override
  public void copy(int rows, Tensor from, Tensor to, int toRow) {
    Tensor target = toRow == 0 ? to : to.rows(toRow, rows);
    if (from.dtype() != to.dtype()) {
      scale(rows, 1, from, target);
      return;
    }
    int words = from.dtype().bytes() / 4; // of an element: 2 of float64, 0 of bfloat16
    launch.of(words == 0 ? Function.COPY16 : Function.COPY32).add(rows);
    int wide = Math.max(1, words);
    launch.add(from.columns() * wide).address(from).add((long) from.rowStride() * wide);
    launch.address(target).add((long) to.rowStride() * wide);
    launch.overRows(rows, from.columns() * wide);
  }

  // ---- attention -------------------------------------------------------------------------------

  @Override
  public void attention(
      AttentionSpec spec, Heads in, DropoutMask mask, Tensor out, Tensor logsumexp) {
    attention.forward(spec, in, mask, out, logsumexp);
  }

  @Override
  public void attentionBackward(
      AttentionSpec spec,
      Heads in,
      DropoutMask mask,
      Tensor out,
      Tensor logsumexp,
      Tensor dOut,
      Heads gradients) {
    attention.backward(spec, in, mask, out, logsumexp, dOut, gradients);
  }

  // ---- loss and optimizer ----------------------------------------------------------------------

  @Override
  public double crossEntropy(int rows, Tensor logits, CrossEntropy loss) {
    Tensor count = number.of(DType.FLOAT64, 2); // the number of scored rows, and the total
    launch.of(Function.COUNT_SCORED).add(rows).strided(loss.targets()).address(count).blocks(1, 1);
    Tensor terms = this.terms.of(DType.FLOAT64, rows);
    launch.of(Function.CROSS_ENTROPY).add(logits.columns()).matrix(logits);
    launch.strided(loss.targets()).address(count).matrix(loss.weights()).add(loss.share());
    launch.matrix(loss.losses()).matrix(loss.dLogits()).address(terms).blocks(rows, 1);
    Tensor total = count.columns(1, 1);
    launch.of(Function.SUM_TERMS).add(rows).address(terms).address(total).blocks(1, 1);
    double[] result = new double[1];
    total.readRow(0, result);
    return result[0];
  }

  @Override
  public int squaresBlock() {
    return SQUARES;
  }

  @Override
  public double sumOfSquares(Flat x) {
    int blocks = Math.toIntExact(Math.ceilDiv(x.length(), SQUARES));
    Tensor sums = terms.of(DType.FLOAT64, blocks);
    launch.of(Function.SUM_OF_SQUARES).add(x.length()).add(SQUARES).add(address(x));
    launch.address(sums).blocks(blocks, 1);
    squares = squares.length < blocks ? new double[blocks] : squares;
    MemorySegment to = MemorySegment.ofArray(squares).asSlice(0, (long) Double.BYTES * blocks);
    sums.memory().read(DType.FLOAT64, 0, to);
    double sum = 0;
    for (int block = 0; block < blocks; block++) { // in order: one of zeros may be left out
      sum += squares[block];
    }
    return sum;
  }

  @Override
  public void adamW(AdamStep step, Flat weights, Flat gradients, Flat m, Flat v) {
    launch.of(Function.ADAMW).add(weights.length()).add(step.learningRate());
    launch.add(step.beta1()).add(step.beta2()).add(step.epsilon()).add(step.decay());
    launch.add(step.correction1()).add(step.correction2()).add(step.gradientScale());
    launch.add(address(weights)).add(address(gradients)).add(address(m)).add(address(v));
    launch.add(m.dtype() == DType.BFLOAT16).add(step.key()).add(step.first());
    launch.overElements(weights.length());
  }

  @Override
  public void addScaled(double factor, Flat x, Flat to, boolean add, boolean rounded) {
    launch.of(Function.ADD_SCALED).add(to.length()).add(factor).add(address(x)).add(address(to));
    launch.add(add).add(rounded).overElements(to.length());
  }

  private static long address(Flat x) {
    return ((CudaMemory) x.memory()).address() + x.from() * x.dtype().bytes();
  }

  @Override
  public void close() {
    attention.close();
    tokens.close();
    parts.close();
    terms.close();
    number.close();
  }
}
