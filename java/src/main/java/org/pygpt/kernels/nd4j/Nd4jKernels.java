package org.pygpt.kernels.nd4j;

import static org.pygpt.kernels.nd4j.Views.elements;
import static org.pygpt.kernels.nd4j.Views.halfHeads;
import static org.pygpt.kernels.nd4j.Views.row;
import static org.pygpt.kernels.nd4j.Views.rows;
import static org.pygpt.kernels.nd4j.Views.sequences;
import static org.pygpt.kernels.nd4j.Views.store;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.memory.conf.WorkspaceConfiguration;
import org.nd4j.linalg.api.memory.enums.AllocationPolicy;
import org.nd4j.linalg.api.memory.enums.LearningPolicy;
import org.nd4j.linalg.api.memory.enums.ResetPolicy;
import org.nd4j.linalg.api.memory.enums.SpillPolicy;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.factory.ops.NDBase;
import org.nd4j.linalg.ops.transforms.Transforms;
import org.pygpt.kernels.Activation;
import org.pygpt.kernels.AdamStep;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.NormSpec;
import org.pygpt.tensor.Device;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.Tensor;

/**
 * The readable backend: each matrix operation is one ND4J call on views of ND4J's memory.
 *
 * <p>Each call costs ND4J some 10 µs of dispatch, whatever its size, so this is slow for small
 * models. The arrays that a kernel makes on its way lie in a workspace, which is used again by the
 * next: the garbage collector, which sees only their small Java halves, would free them too late.
 */
public final class Nd4jKernels implements Kernels {
  /** Elements of a flat array that are treated at once, so that little scratch space is needed. */
  private static final long PART = 1 << 18;

  private static final NDBase OPS = new NDBase();

  /** Takes the size of the largest kernel's arrays once that has run. */
  private static final WorkspaceConfiguration SCRATCH =
      WorkspaceConfiguration.builder()
          .policyAllocation(AllocationPolicy.STRICT)
          .policyLearning(LearningPolicy.FIRST_LOOP)
          .policySpill(SpillPolicy.REALLOCATE)
          .policyReset(ResetPolicy.BLOCK_LEFT)
          .build();

  private static final String SCRATCH_NAME = "pygpt";

  private final Device device;

  /**
   * Loads ND4J.
   *
   * @throws LinkageError if it is not there, or has no library for this machine
   */
  public Nd4jKernels() {
    Nd4j.getBackend();
    device = new Nd4jDevice();
  }

  @Override
  public String name() {
    return "nd4j";
  }

  @Override
  public String description() {
    Object blas = Nd4j.factory().blas().getBlasVendor();
    return "ND4J " + Nd4j.getBackend().getClass().getSimpleName() + ", BLAS " + blas;
  }

  @Override
  public Device device() {
    return device;
  }

  /** Where this thread's arrays lie until the block that opened it ends. */
  private static MemoryWorkspace scratch() {
    return Nd4j.getWorkspaceManager().getAndActivateWorkspace(SCRATCH, SCRATCH_NAME);
  }

  // ---- linear layers ---------------------------------------------------------------------------

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
    try (MemoryWorkspace _ = scratch()) {
      INDArray left = rows(a, transposeA ? k : m);
      INDArray right = rows(b, transposeB ? n : k);
      INDArray result = rows(c, m);
      if (c.rowStride() == n) {
        // Into column-major memory, which row-major c is as c^T = op(b)^T @ op(a)^T: ND4J writes a
        // product into row-major memory by way of a copy, and into strided memory not at all.
        INDArray transposed = result.transpose();
        int beta = add ? 1 : 0;
        Nd4j.gemm(right.transpose(), left.transpose(), transposed, transposeB, transposeA, 1, beta);
      } else {
        INDArray first = transposeA ? left.transpose() : left;
        store(first.mmul(transposeB ? right.transpose() : right), add, result);
      }
    }
  }

  @Override
  public void bias(int rows, Tensor bias, Tensor x) {
    try (MemoryWorkspace _ = scratch()) {
      rows(x, rows).addiRowVector(row(bias));
    }
  }

  @Override
  public void biasBackward(int rows, Tensor dX, boolean add, Tensor dBias) {
    try (MemoryWorkspace _ = scratch()) {
      store(rows(dX, rows).sum(true, 0), add, row(dBias));
    }
  }

  // ---- embedding -------------------------------------------------------------------------------

  @Override
  public void embedding(int B, int T, int past, Tensor ids, Tensor wte, Tensor wpe, Tensor out) {
    try (MemoryWorkspace _ = scratch()) {
      INDArray tokens = Nd4j.pullRows(rows(wte, wte.rows()), 1, rows(ids, B * T).toIntVector());
      if (wpe != null) {
        tokens.addi(Nd4j.pullRows(rows(wpe, wpe.rows()), 1, positions(B * T, T, past)));
      }
      rows(out, B * T).assign(tokens);
    }
  }

  /** The position of each row. */
  private static int[] positions(int rows, int T, int past) {
    return IntStream.range(0, rows).map(row -> past + row % T).toArray();
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
    try (MemoryWorkspace _ = scratch()) {
      INDArray tokens = rows(dWte, dWte.rows());
      if (!addWte) {
        tokens.assign(0);
      }
      Nd4j.exec(
          DynamicCustomOp.builder("scatter_add")
              .addInputs(tokens, rows(ids, B * T).reshape(B * T), rows(dOut, B * T))
              .addOutputs(tokens)
              .addBooleanArguments(true) // one update at a time: ids may be equal
              .build());
      if (dWpe != null) {
        if (!addWpe) {
          rows(dWpe, dWpe.rows()).assign(0);
        }
        rows(dWpe, T).addi(sequences(dOut, B, T).sum(0));
      }
    }
  }

  // ---- residual sums and norms -----------------------------------------------------------------

  @Override
  public void residual(int rows, Tensor x, Tensor branch, Tensor bias, Tensor sum) {
    try (MemoryWorkspace _ = scratch()) {
      INDArray result = rows(sum, rows);
      rows(x, rows).add(rows(branch, rows), result);
      if (bias != null) {
        result.addiRowVector(row(bias));
      }
    }
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
    try (MemoryWorkspace _ = scratch()) {
      INDArray input = rows(x, rows);
      INDArray mean = input.mean(true, 1).muli(spec.centred() ? 1 : 0); // (rows, 1)
      INDArray centred = input.subColumnVector(mean); // (rows, C)
      INDArray variance = centred.mul(centred).mean(true, 1); // (rows, 1)
      INDArray rstd = Transforms.sqrt(variance.addi(spec.epsilon())).rdivi(1); // (rows, 1)
      INDArray normed = centred.muliColumnVector(rstd);
      if (weight != null) {
        normed.muliRowVector(row(weight));
      }
      if (bias != null) {
        normed.addiRowVector(row(bias));
      }
      rows(out, rows).assign(normed);
      rows(statistics.columns(0, 1), rows).assign(mean);
      rows(statistics.columns(1, 1), rows).assign(rstd);
    }
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
    try (MemoryWorkspace _ = scratch()) {
      INDArray mean = rows(statistics.columns(0, 1), rows);
      INDArray rstd = rows(statistics.columns(1, 1), rows);
      INDArray gradient = rows(dOut, rows);
      INDArray normed = rows(x, rows).subColumnVector(mean).muliColumnVector(rstd); // (rows, C)
      if (dWeight != null) {
        store(gradient.mul(normed).sum(true, 0), addParameters, row(dWeight));
      }
      if (dBias != null) {
        store(gradient.sum(true, 0), addParameters, row(dBias));
      }
      INDArray dNormed = weight == null ? gradient.dup() : gradient.mulRowVector(row(weight));
      INDArray dMean = dNormed.mean(true, 1).muli(spec.centred() ? 1 : 0); // (rows, 1)
      INDArray dScale = dNormed.mul(normed).mean(true, 1); // (rows, 1)
      dNormed.subiColumnVector(dMean).subi(normed.muliColumnVector(dScale));
      store(dNormed.muliColumnVector(rstd), addX, rows(dX, rows));
    }
  }

  // ---- element-wise ----------------------------------------------------------------------------

  @Override
  public void activation(Activation kind, int rows, Tensor x, Tensor bias, Tensor out) {
    try (MemoryWorkspace _ = scratch()) {
      rows(out, rows).assign(Activations.forward(kind, biased(rows, x, bias)));
    }
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
    try (MemoryWorkspace _ = scratch()) {
      INDArray dInput = Activations.backward(kind, biased(rows, x, bias), rows(dOut, rows));
      rows(dX, rows).assign(dInput);
      if (dBias != null) {
        store(dInput.sum(true, 0), addBias, row(dBias));
      }
    }
  }

  /** x + bias, in an array of its own. */
  private static INDArray biased(int rows, Tensor x, Tensor bias) {
    return bias == null ? rows(x, rows).dup() : rows(x, rows).addRowVector(row(bias));
  }

  @Override
  public void rotary(
      int rows, int T, int past, int heads, Tensor angles, boolean inverse, Tensor x) {
    try (MemoryWorkspace _ = scratch()) {
      int[] positions = positions(rows, T, past);
      INDArray cosines = angles(angles, 0, positions); // (rows, 1, D/2)
      INDArray sines = angles(angles, 1, positions).muli(inverse ? -1 : 1);
      INDArray first = halfHeads(x, rows, heads, angles.columns(), 0); // (rows, heads, D/2)
      INDArray second = halfHeads(x, rows, heads, angles.columns(), 1);
      INDArray turned = first.mul(cosines).subi(second.mul(sines));
      second.assign(second.mul(cosines).addi(first.mul(sines)));
      first.assign(turned);
    }
  }

  private static INDArray angles(Tensor angles, int half, int[] positions) {
    int width = angles.columns() / 2;
    INDArray table = rows(angles.columns(half * width, width), angles.rows());
    return Nd4j.pullRows(table, 1, positions).reshape(positions.length, 1, width);
  }

  @Override
  public void dropout(int rows, Tensor x, Tensor bias, DropoutMask mask, Tensor out) {
    try (MemoryWorkspace _ = scratch()) {
      INDArray factors = factors(mask, rows, x.columns());
      rows(out, rows).assign(factors.muli(biased(rows, x, bias)));
    }
  }

  @Override
  public void dropoutBackward(int rows, Tensor dOut, DropoutMask mask, Tensor dX) {
    dropout(rows, dOut, null, mask, dX);
  }

  /** What elements 0, 1, ... are multiplied by, in this shape. */
  static INDArray factors(DropoutMask mask, long... shape) {
    float[] factors =
        new float[Math.toIntExact(Arrays.stream(shape).reduce(1, Math::multiplyExact))];
    for (int i = 0; i < factors.length; i++) {
      factors[i] = mask.factor(i);
    }
    return Nd4j.createFromArray(factors).reshape(shape);
  }

  @Override
  public void copy(int rows, Tensor from, Tensor to, int toRow) {
    try (MemoryWorkspace _ = scratch()) {
      rows(to, toRow, rows).assign(rows(from, rows));
    }
  }

  // ---- attention -------------------------------------------------------------------------------

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
    try (MemoryWorkspace _ = scratch()) {
      new Nd4jAttention(B, T, past, H, kvHeads, q.columns() / H, mask)
          .forward(q, k, v, out, logSums);
    }
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
    try (MemoryWorkspace _ = scratch()) {
      new Nd4jAttention(B, T, 0, H, kvHeads, q.columns() / H, mask)
          .backward(dOut, q, k, v, logSums, dQ, dK, dV);
    }
  }

  // ---- loss and optimizer ----------------------------------------------------------------------

  @Override
  public double crossEntropy(int rows, Tensor logits, Tensor targets, Tensor dLogits) {
    try (MemoryWorkspace _ = scratch()) {
      INDArray x = rows(logits, rows);
      INDArray indices = rows(targets, rows).reshape(rows);
      INDArray wanted =
          OPS.oneHot(indices, logits.columns(), -1, 1, 0, DataType.FLOAT); // (rows, V)
      INDArray isScored = wanted.sum(true, 1); // (rows, 1): a negative target is nowhere
      double scored = Math.max(1, isScored.sumNumber().doubleValue());
      INDArray shifted = x.subColumnVector(x.max(true, 1));
      INDArray exponentials = Transforms.exp(shifted);
      INDArray sums = exponentials.sum(true, 1); // (rows, 1)
      INDArray losses = Transforms.log(sums).muli(isScored).subi(shifted.muli(wanted).sum(true, 1));
      if (dLogits != null) {
        INDArray softmax = exponentials.diviColumnVector(sums).muliColumnVector(isScored);
        rows(dLogits, rows).assign(softmax.subi(wanted).divi(scored));
      }
      return losses.castTo(DataType.DOUBLE).sumNumber().doubleValue() / scored;
    }
  }

  @Override
  public double sumOfSquares(Flat x) {
    long length = x.length();
    double sum = 0;
    for (long from = 0; from < length; from += PART) {
      try (MemoryWorkspace _ = scratch()) {
        INDArray part = elements(x, from, Math.min(length, from + PART));
        INDArray wide = part.castTo(DataType.DOUBLE); // ND4J sums floats in floats
        sum += wide.muli(wide).sumNumber().doubleValue();
      }
    }
    return sum;
  }

  @Override
  public void adamW(AdamStep step, Flat weights, Flat gradients, Flat m, Flat v) {
    long to = weights.length();
    for (long start = 0; start < to; start += PART) {
      long end = Math.min(to, start + PART);
      try (MemoryWorkspace _ = scratch()) {
        INDArray g = elements(gradients, start, end).mul(step.gradientScale());
        INDArray first = elements(m, start, end);
        INDArray second = elements(v, start, end);
        INDArray w = elements(weights, start, end);
        first.muli(step.beta1()).addi(g.mul(1 - step.beta1()));
        second.muli(step.beta2()).addi(g.mul(g).muli(1 - step.beta2()));
        INDArray root = Transforms.sqrt(second.mul(step.correction2())).addi(step.epsilon());
        INDArray move = first.mul(step.correction1()).divi(root).addi(w.mul(step.decay()));
        w.subi(move.muli(step.rate()));
      }
    }
  }

  /** Frees this thread's scratch space. */
  @Override
  public void close() {
    Nd4j.getWorkspaceManager()
        .destroyWorkspace(
            Nd4j.getWorkspaceManager().getWorkspaceForCurrentThread(SCRATCH, SCRATCH_NAME));
  }
}
