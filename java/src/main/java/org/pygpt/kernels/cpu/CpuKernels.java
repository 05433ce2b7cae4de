package org.pygpt.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import org.pygpt.kernels.Activation;
import org.pygpt.kernels.AdamStep;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.NormSpec;
import org.pygpt.kernels.PackedMatrix;
import org.pygpt.kernels.QuantizedMatrix;
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
  private final LossTask loss;
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
    loss = new LossTask(team, stagings);
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
  public void gemm(
      boolean transposeA,
      boolean transposeB,
      int m,
      int n,
      int k,
      Tensor a,
      Tensor b,
      boolean add,
      Tensor c) {
    gemm.multiply(transposeA, transposeB, m, n, k, a, b, add, c);
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
  public void biasBackward(int rows, Tensor dX, boolean add, Tensor dBias) {
    columnSums.dX = dX;
    columnSums.runRows(rows, dX.columns());
    columnSums.storeSum(0, add, dBias);
  }

  @Override
  public void embedding(int B, int T, int past, Tensor ids, Tensor wte, Tensor wpe, Tensor out) {
    embedding.T = T;
    embedding.past = past;
    embedding.ids = ids;
    embedding.wte = wte;
    embedding.wpe = wpe;
    embedding.out = out;
    embedding.runRows(B * T, out.columns());
  }

  @Override
  public void embeddingBackward(
      int B,
      int T,
      Tensor ids,
      Tensor dOut,
      boolean addWte,
      Tensor dWte,
      boolean addWpe,
      Tensor dWpe) {
    clearUnless(addWte, dWte);
    clearUnless(addWpe, dWpe);
    embeddingBackward.rows = B * T;
    embeddingBackward.T = T;
    embeddingBackward.ids = ids;
    embeddingBackward.dOut = dOut;
    embeddingBackward.dWte = dWte;
    embeddingBackward.dWpe = dWpe;
    int C = dOut.columns();
    if ((long) B * T * C < RowTask.PARALLEL_FROM) {
      embeddingBackward.run(0, 0, C);
    } else {
      team.run(embeddingBackward, C, Memory.ALIGNMENT_BYTES / Float.BYTES);
    }
  }

  private void clearUnless(boolean add, Tensor tensor) {
    if (!add && tensor != null) {
      clear.tensor = tensor;
      if (tensor.size() < RowTask.PARALLEL_FROM) {
        clear.run(0, 0, tensor.rows());
      } else {
        team.run(clear, tensor.rows(), 1);
      }
    }
  }

  @Override
  public void residual(int rows, Tensor x, Tensor branch, Tensor branchBias, Tensor sum) {
    residualNorm(null, rows, x, branch, branchBias, sum, null, null, null, null);
  }

  @Override
  public void norm(
      NormSpec spec,
      int rows,
      Tensor x,
      Tensor weight,
      Tensor bias,
      Tensor out,
      Tensor statistics) {
    residualNorm(spec, rows, x, null, null, null, weight, bias, out, statistics);
  }

  @Override
  public void residualNorm(
      NormSpec spec,
      int rows,
      Tensor x,
      Tensor branch,
      Tensor branchBias,
      Tensor sum,
      Tensor weight,
      Tensor bias,
      Tensor out,
      Tensor statistics) {
    norm.spec = spec;
    norm.x = x;
    norm.branch = branch;
    norm.branchBias = branchBias;
    norm.sum = sum;
    norm.weight = weight;
    norm.bias = bias;
    norm.out = out;
    norm.statistics = statistics;
    norm.runRows(rows, x.columns());
  }

  @Override
  public void normBackward(
      NormSpec spec,
      int rows,
      Tensor dOut,
      Tensor x,
      Tensor statistics,
      Tensor weight,
      boolean addX,
      Tensor dX,
      boolean addParameters,
      Tensor dWeight,
      Tensor dBias) {
    normBackward.spec = spec;
    normBackward.dOut = dOut;
    normBackward.x = x;
    normBackward.statistics = statistics;
    normBackward.weight = weight;
    normBackward.add = addX;
    normBackward.dX = dX;
    normBackward.runRows(rows, x.columns());
    if (dWeight != null) {
      normBackward.storeSum(0, addParameters, dWeight);
    }
    if (dBias != null) {
      normBackward.storeSum(1, addParameters, dBias);
    }
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
      Activation kind,
      int rows,
      Tensor x,
      Tensor bias,
      Tensor dOut,
      Tensor dX,
      boolean addBias,
      Tensor dBias) {
    activateBackward.kind = kind;
    activateBackward.x = x;
    activateBackward.bias = bias;
    activateBackward.dOut = dOut;
    activateBackward.dX = dX;
    activateBackward.runRows(rows, x.columns());
    if (dBias != null) {
      activateBackward.storeSum(0, addBias, dBias);
    }
  }

  @Override
  public void rotary(
      int rows, int T, int past, int heads, Tensor angles, boolean inverse, Tensor x) {
    rotate.T = T;
    rotate.past = past;
    rotate.heads = heads;
    rotate.angles = angles;
    rotate.inverse = inverse;
    rotate.x = x;
    rotate.runRows(rows, heads * angles.columns());
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
      int B,
      int T,
      int past,
      int H,
      int kvHeads,
      Tensor q,
      Tensor k,
      Tensor v,
      DropoutMask mask,
      Tensor out,
      Tensor logSums) {
    attention.setForward(T, past, H, kvHeads, q, k, v, mask, out, logSums);
    attention.runHeads(B);
  }

  @Override
  public void attentionBackward(
      int B,
      int T,
      int H,
      int kvHeads,
      Tensor dOut,
      Tensor q,
      Tensor k,
      Tensor v,
      DropoutMask mask,
      Tensor out,
      Tensor logSums,
      Tensor dQ,
      Tensor dK,
      Tensor dV) {
    attention.setForward(T, 0, H, kvHeads, q, k, v, mask, out, logSums);
    attention.setBackward(dOut, dQ, dK, dV);
    attention.runHeads(B);
  }

  @Override
  public double crossEntropy(int rows, Tensor logits, Tensor targets, Tensor dLogits) {
    loss.logits = logits;
    loss.targets = targets;
    loss.dLogits = dLogits;
    return loss.mean(rows);
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
