package org.pygpt.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import java.util.ArrayList;
import java.util.List;
import org.pygpt.kernels.Activation;
import org.pygpt.kernels.AdamStep;
import org.pygpt.kernels.AttentionCall;
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
import org.pygpt.tensor.Device;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable (scratch arrays): the fast kernels, float32, on a team of threads.
 *
 * <p>Every kernel that is worth it is divided among the team by rows, columns, heads or blocks of
 * its result; small ones run on the caller's thread alone, so a tiny model never wakes the others.
 * A call is a small record of its arguments, which the workers share.
 */
public final class CpuKernels implements Kernels {
  // scratch arrays of the workers in which sums over rows are kept
  private static final int FIRST_SUM = 14;
  private static final int SECOND_SUM = 15;

  private static final Cleaner CLEANER = Cleaner.create();

  private final Workers workers;
  private final Gemm gemm;
  private final OneDnnProducts products;
  private final CodedProducts coded;

  /**
   * Kernels whose work is divided among so many threads, the caller's included, which decides the
   * bits; where there are fewer processors, there are as many threads as those, each of which has
   * several parts.
   */
  public CpuKernels(int threads) {
    int processors = Runtime.getRuntime().availableProcessors();
    workers = new Workers(threads, Math.min(threads, processors));
    CLEANER.register(this, workers::close); // threads end with the model, closed or not
    gemm = new Gemm(workers);
    products = new OneDnnProducts(workers);
    coded = new CodedProducts(workers);
  }

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public String description() {
    String library = GemmLibrary.hasOneDnn() ? "oneDNN" : "OpenBLAS";
    return library + " for large products, own kernels, " + workers.size() + " threads";
  }

  @Override
  public Device device() {
    return HostDevice.host();
  }

  @Override
  public void expect(long weights) {
    workers.expect(weights);
  }

  @Override
  public void requireBfloat16() {
    if (!GemmLibrary.hasOneDnn()) {
      throw new IllegalArgumentException(
          "dtype: expected float32 where oneDNN is not on the class path, got bfloat16");
    }
    if (!OneDnn.hasBfloat16()) {
      throw new IllegalArgumentException(
          "dtype: expected float32, since this processor has no instructions for bfloat16 "
              + "(avx512_bf16 or amx_bf16) and would take several times as long with it as with "
              + "float32, got bfloat16");
    }
  }

  @Override
  public void gemm(MatMul shape, Tensor a, Tensor b, Tensor c) {
    gemm.multiply(shape, a, b, c);
  }

  @Override
  public int rowsAlike() {
    return 8; // SmallGemm and TiledKernel sum a row in the same order for each such count
  }

  @Override
  public PackedMatrix pack(QuantizedMatrix matrix) {
    workers.expectRounded();
    if (CodedProducts.has(matrix.format())) {
      return CodedMatrix.of(coded, matrix);
    }
    return OneDnnProducts.has(matrix.format())
        ? OneDnnMatrix.of(products, matrix)
        : TiledMatrix.of(workers, matrix);
  }

  @Override
  public long packedBytes(WeightFormat format, int inputs, int outputs) {
    if (CodedProducts.has(format)) {
      return CodedMatrix.byteSize(format, inputs, outputs);
    }
    return OneDnnProducts.has(format)
        ? OneDnnMatrix.byteSize(products, format, inputs, outputs)
        : TiledMatrix.byteSize(format, inputs, outputs);
  }

  @Override
  public void bias(int rows, Tensor bias, Tensor x) {
    new BiasKernel.Forward(bias, x).run(workers, rows, x.columns());
  }

  @Override
  public void biasBackward(int rows, Tensor dX, Gradient dBias) {
    RowSum sum = new RowSum(workers, FIRST_SUM);
    new BiasKernel.Backward(dX, sum).run(workers, rows, dX.columns());
    sum.store(dBias);
  }

  @Override
  public void embedding(Positions positions, Tensor ids, Tensor wte, Tensor wpe, Tensor out) {
    new EmbeddingKernel.Forward(positions, ids, wte, wpe, out)
        .run(workers, positions.rows(), out.columns());
  }

  @Override
  public void embeddingBackward(
      Positions positions, Tensor ids, Tensor dOut, Gradient dWte, Gradient dWpe) {
    new EmbeddingKernel.Backward(workers, positions, ids, dOut, dWte, dWpe).run();
  }

  @Override
  public void residual(int rows, Residual residual) {
    residualNorm(rows, residual, null, null, null);
  }

  @Override
  public void norm(int rows, Norm norm, Tensor x, Tensor out, Tensor statistics) {
    new NormKernel.Forward(x, null, norm, out, statistics).run(workers, rows, x.columns());
  }

  @Override
  public void residualNorm(int rows, Residual residual, Norm norm, Tensor out, Tensor statistics) {
    Tensor x = residual.x();
    new NormKernel.Forward(x, residual, norm, out, statistics).run(workers, rows, x.columns());
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
    RowSum weight = new RowSum(workers, FIRST_SUM);
    RowSum bias = new RowSum(workers, SECOND_SUM);
    new NormKernel.Backward(norm, dOut, x, statistics, dX, weight, bias)
        .run(workers, rows, x.columns());
    weight.store(dWeight);
    bias.store(dBias);
  }

  @Override
  public void activation(Activation kind, int rows, Tensor x, Tensor bias, Tensor out) {
    new ActivationKernel.Forward(kind, x, bias, out).run(workers, rows, x.columns());
  }

  @Override
  public void activationBackward(
      Activation kind, int rows, Tensor x, Tensor bias, Tensor dOut, Tensor dX, Gradient dBias) {
    RowSum sum = dBias == null ? null : new RowSum(workers, FIRST_SUM);
    new ActivationKernel.Backward(kind, x, bias, dOut, dX, sum).run(workers, rows, x.columns());
    if (sum != null) {
      sum.store(dBias);
    }
  }

  @Override
  public void scale(int rows, double factor, Tensor x, Tensor out) {
    new ScaleKernel((float) factor, x, out).run(workers, rows, x.columns());
  }

  @Override
  public void rotary(Rotation rotation, Positions positions, Tensor x) {
    int columns = rotation.heads() * rotation.D();
    new RotaryKernel(rotation, positions, x).run(workers, positions.rows(), columns);
  }

  @Override
  public void dropout(int rows, Tensor x, Tensor bias, DropoutMask mask, Tensor out) {
    new DropoutKernel(x, bias, mask, out).run(workers, rows, x.columns());
  }

  @Override
  public void copy(int rows, Tensor from, Tensor to, int toRow) {
    if (from.dtype() != to.dtype()) {
      new CastKernel(from, to.rows(toRow, rows)).run(workers, rows, from.columns());
      return;
    }
    long bytes = (long) from.dtype().bytes() * from.columns();
    for (int row = 0; row < rows; row++) {
      MemorySegment source = HostMemory.segment(from);
      MemorySegment target = HostMemory.segment(to);
      int size = from.dtype().bytes();
      MemorySegment.copy(source, from.at(row) * size, target, to.at(toRow + row) * size, bytes);
    }
  }

  @Override
  public boolean hasInt8Heads() {
    return true;
  }

  @Override
  public void roundHeads(int rows, int D, Tensor from, Tensor to, int toRow) {
    Int8HeadsKernel.round(workers.staging(0), rows, D, from, to, toRow);
  }

  @Override
  public void attention(
      AttentionSpec spec, Heads in, DropoutMask mask, Tensor out, Tensor logsumexp) {
    int D = in.q().columns() / spec.H();
    new AttentionKernel(workers, spec, D, in, mask, out, logsumexp, null, null).run();
  }

  @Override
  public void attention(List<AttentionCall> calls) {
    List<AttentionKernel> kernels = new ArrayList<>(calls.size());
    for (AttentionCall call : calls) {
      int D = call.in().q().columns() / call.spec().H();
      kernels.add(
          new AttentionKernel(
              workers, call.spec(), D, call.in(), null, call.out(), null, null, null));
    }
    AttentionKernel.run(workers, kernels);
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
    int D = in.q().columns() / spec.H();
    new AttentionKernel(workers, spec, D, in, mask, out, logsumexp, dOut, gradients).run();
  }

  @Override
  public double crossEntropy(int rows, Tensor logits, CrossEntropy loss) {
    return CrossEntropyKernel.run(workers, rows, logits, loss);
  }

  @Override
  public int squaresBlock() {
    return Staging.BLOCK;
  }

  @Override
  public double sumOfSquares(Flat x) {
    return AdamWKernel.SumOfSquares.of(workers, x);
  }

  @Override
  public void adamW(AdamStep step, Flat weights, Flat gradients, Flat m, Flat v) {
    new AdamWKernel(workers, step, weights, gradients, m, v).run();
  }

  @Override
  public void addScaled(double factor, Flat x, Flat to, boolean add, boolean rounded) {
    new AddKernel(workers, (float) factor, x, to, add, rounded).run();
  }

  @Override
  public int workers() {
    return workers.size();
  }

  @Override
  public void divide(int count, int elements, Piece piece) {
    Team.Task task =
        (worker, from, to) -> {
          for (int index = from; index < to; index++) {
            piece.run(worker, index);
          }
        };
    workers.run(task, count, 1, Workers.workOf((long) count * elements));
  }

  @Override
  public void close() {
    workers.close();
    gemm.close();
    products.close();
    coded.close();
  }
}
