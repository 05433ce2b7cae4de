package org.pygpt.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
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
import org.pygpt.tensor.Device;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable (scratch arrays): the fast kernels, float32, on a team of threads.
 *
 * <p>Every kernel that is worth it is divided among the team by rows, columns, heads or blocks of
 * its result; small ones run on the caller's thread alone, so a tiny model never wakes the others.
 * Arguments are handed over in the fields of objects that live as long as this one, so that a step
 * allocates nothing.
 */
public final class CpuKernels implements Kernels {
  /** Blocks of a flat array that are worth a thread. */
  static final int BLOCKS_AT_ONCE = 8;

  private static final Cleaner CLEANER = Cleaner.create();

  private final Team team;
  private final Gemm gemm;
  private final TileTask tiles;
  private final AttentionTask attention;
  private final NormTasks.Forward norm;
  private final NormTasks.Backward normBackward;
  private final ElementTasks.Bias bias;
  private final ElementTasks.ColumnSums columnSums;
  private final ElementTasks.Activate activate;
  private final ElementTasks.ActivateBackward activateBackward;
  private final ElementTasks.Rotate rotate;
  private final ElementTasks.Drop drop;
  private final EmbeddingTasks.Forward embedding;
  private final EmbeddingTasks.Backward embeddingBackward;
  private final EmbeddingTasks.Clear clear = new EmbeddingTasks.Clear();
  private final LossTask lossTask;
  private final FlatTasks.Adam adam;
  private final FlatTasks.Squares squares;

  /** Kernels for a team of this many threads, the caller's included. */
  public CpuKernels(int threads) {
    team = new Team(threads, Simd::warmingUp);
    CLEANER.register(this, team::close); // threads end with the model, closed or not
    Staging[] stagings = new Staging[threads];
    for (int worker = 0; worker < threads; worker++) {
      stagings[worker] = new Staging();
    }
    gemm = new Gemm(team, stagings[0]);
    tiles = new TileTask(team, stagings);
    attention = new AttentionTask(team, stagings);
    norm = new NormTasks.Forward(team, stagings);
    normBackward = new NormTasks.Backward(team, stagings);
    bias = new ElementTasks.Bias(team, stagings);
    columnSums = new ElementTasks.ColumnSums(team, stagings);
    activate = new ElementTasks.Activate(team, stagings);
    activateBackward = new ElementTasks.ActivateBackward(team, stagings);
    rotate = new ElementTasks.Rotate(team, stagings);
    drop = new ElementTasks.Drop(team, stagings);
    embedding = new EmbeddingTasks.Forward(team, stagings);
    embeddingBackward = new EmbeddingTasks.Backward(stagings);
    lossTask = new LossTask(team, stagings);
    adam = new FlatTasks.Adam(stagings);
    squares = new FlatTasks.Squares(stagings);
  }

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public String description() {
    String library = GemmLibrary.hasOneDnn() ? "oneDNN" : "OpenBLAS";
    return library + " for large products, own kernels, " + team.size() + " threads";
  }

  @Override
  public Device device() {
    return HostDevice.host();
  }

  @Override
  public void gemm(MatMul shape, Tensor a, Tensor b, Tensor c) {
    gemm.multiply(shape, a, b, c);
  }

  @Override
  public PackedMatrix pack(QuantizedMatrix matrix) {
    return new TiledMatrix(tiles, matrix);
  }

  @Override
  public long packedBytes(WeightFormat format, int inputs, int outputs) {
    return TiledMatrix.byteSize(format, inputs, outputs);
  }

  @Override
  public void bias(int rows, Tensor vector, Tensor x) {
    bias.bias = vector;
    bias.x = x;
    bias.runRows(rows, x.columns());
  }

  @Override
  public void biasBackward(int rows, Tensor dX, Gradient dBias) {
    columnSums.dX = dX;
    columnSums.runRows(rows, dX.columns());
    columnSums.storeSum(0, dBias);
  }

  @Override
  public void embedding(Positions positions, Tensor ids, Tensor wte, Tensor wpe, Tensor out) {
    embedding.positions = positions;
    embedding.ids = ids;
    embedding.wte = wte;
    embedding.wpe = wpe;
    embedding.out = out;
    embedding.runRows(positions.rows(), out.columns());
  }

  @Override
  public void embeddingBackward(
      Positions positions, Tensor ids, Tensor dOut, Gradient dWte, Gradient dWpe) {
    clearUnlessAdded(dWte);
    clearUnlessAdded(dWpe);
    if (dWte == null && dWpe == null) {
      return;
    }
    embeddingBackward.positions = positions;
    embeddingBackward.ids = ids;
    embeddingBackward.dOut = dOut;
    embeddingBackward.dWte = dWte;
    embeddingBackward.dWpe = dWpe;
    int C = dOut.columns();
    if ((long) positions.rows() * C < RowTask.PARALLEL_FROM) {
      embeddingBackward.run(0, 0, C);
    } else {
      team.run(embeddingBackward, C, Memory.ALIGNMENT_BYTES / Float.BYTES);
    }
  }

  private void clearUnlessAdded(Gradient gradient) {
    if (gradient != null && !gradient.add()) {
      Tensor tensor = gradient.tensor();
      clear.tensor = tensor;
      if (tensor.size() < RowTask.PARALLEL_FROM) {
        clear.run(0, 0, tensor.rows());
      } else {
        team.run(clear, tensor.rows(), 1);
      }
    }
  }

  @Override
  public void residual(int rows, Residual residual) {
    residualNorm(rows, residual.x(), residual, null, null, null);
  }

  @Override
  public void norm(int rows, Norm norm, Tensor x, Tensor out, Tensor statistics) {
    residualNorm(rows, x, null, norm, out, statistics);
  }

  @Override
  public void residualNorm(int rows, Residual residual, Norm norm, Tensor out, Tensor statistics) {
    residualNorm(rows, residual.x(), residual, norm, out, statistics);
  }

  private void residualNorm(
      int rows, Tensor x, Residual residual, Norm parameters, Tensor out, Tensor statistics) {
    norm.x = x;
    norm.residual = residual;
    norm.norm = parameters;
    norm.out = out;
    norm.statistics = statistics;
    norm.runRows(rows, x.columns());
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
    normBackward.norm = norm;
    normBackward.dOut = dOut;
    normBackward.x = x;
    normBackward.statistics = statistics;
    normBackward.dX = dX;
    normBackward.runRows(rows, x.columns());
    normBackward.storeSum(0, dWeight);
    normBackward.storeSum(1, dBias);
  }

  @Override
  public void activation(Activation kind, int rows, Tensor x, Tensor bias, Tensor out) {
    activate.kind = kind;
    activate.x = x;
    activate.bias = bias;
    activate.out = out;
    activate.runRows(rows, x.columns());
  }

  @Override
  public void activationBackward(
      Activation kind, int rows, Tensor x, Tensor bias, Tensor dOut, Tensor dX, Gradient dBias) {
    activateBackward.kind = kind;
    activateBackward.x = x;
    activateBackward.bias = bias;
    activateBackward.dOut = dOut;
    activateBackward.dX = dX;
    activateBackward.sumBias = dBias != null;
    activateBackward.runRows(rows, x.columns());
    activateBackward.storeSum(0, dBias);
  }

  @Override
  public void rotary(Rotation rotation, Positions positions, Tensor x) {
    rotate.rotation = rotation;
    rotate.positions = positions;
    rotate.x = x;
    rotate.runRows(positions.rows(), rotation.heads() * rotation.angles().columns());
  }

  @Override
  public void dropout(int rows, Tensor x, Tensor bias, DropoutMask mask, Tensor out) {
    drop.x = x;
    drop.bias = bias;
    drop.mask = mask;
    drop.out = out;
    drop.runRows(rows, x.columns());
  }

  @Override
  public void dropoutBackward(int rows, Tensor dOut, DropoutMask mask, Tensor dX) {
    dropout(rows, dOut, null, mask, dX);
  }

  @Override
  public void copy(int rows, Tensor from, Tensor to, int toRow) {
    long bytes = 4L * from.columns();
    for (int row = 0; row < rows; row++) {
      MemorySegment source = HostMemory.segment(from);
      MemorySegment target = HostMemory.segment(to);
      MemorySegment.copy(source, from.at(row) * 4, target, to.at(toRow + row) * 4, bytes);
    }
  }

  @Override
  public void attention(
      AttentionSpec spec, Heads in, DropoutMask mask, Tensor out, Tensor logsumexp) {
    attention.setForward(spec, in, mask, out, logsumexp);
    attention.runHeads();
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
    attention.setForward(spec, in, mask, out, logsumexp);
    attention.setBackward(dOut, gradients);
    attention.runHeads();
  }

  @Override
  public double crossEntropy(int rows, Tensor logits, CrossEntropy loss) {
    return lossTask.sum(rows, logits, loss);
  }

  @Override
  public int squaresBlock() {
    return Staging.BLOCK;
  }

  @Override
  public double sumOfSquares(Flat x) {
    return squares.sum(team, x);
  }

  @Override
  public void adamW(AdamStep step, Flat weights, Flat gradients, Flat m, Flat v) {
    adam.step = step;
    adam.weights = weights;
    adam.gradients = gradients;
    adam.m = m;
    adam.v = v;
    team.run(adam, FlatTasks.blocks(weights.length()), BLOCKS_AT_ONCE);
  }

  @Override
  public void close() {
    team.close();
    gemm.close();
  }
}
