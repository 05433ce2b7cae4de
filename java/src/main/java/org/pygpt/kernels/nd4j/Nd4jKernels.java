package org.pygpt.kernels.nd4j;

import static org.pygpt.kernels.nd4j.Views.elements;
import static org.pygpt.kernels.nd4j.Views.halfHeads;
import static org.pygpt.kernels.nd4j.Views.row;
import static org.pygpt.kernels.nd4j.Views.rows;
import static org.pygpt.kernels.nd4j.Views.sequences;
import static org.pygpt.kernels.nd4j.Views.store;

import java.lang.foreign.MemorySegment;
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
import org.pygpt.kernels.AttentionSpec;
import org.pygpt.kernels.CrossEntropy;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.Gradient;
import org.pygpt.kernels.Heads;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.MatMul;
import org.pygpt.kernels.Norm;
import org.pygpt.kernels.NormSpec;
import org.pygpt.kernels.Positions;
import org.pygpt.kernels.Residual;
import org.pygpt.kernels.Rotation;
import org.pygpt.tensor.DType;
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
  private static final int PART = 1 << 18;

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
  public void gemm(MatMul shape, Tensor a, Tensor b, Tensor c) {
    boolean transposeA = shape.transposeA();
    boolean transposeB = shape.transposeB();
    try (MemoryWorkspace _ = scratch()) {
      INDArray left = rows(a, transposeA ? shape.k() : shape.m());
      INDArray right = rows(b, transposeB ? shape.n() : shape.k());
      INDArray result = rows(c, shape.m());
      if (c.rowStride() == shape.n()) {
        // Into column-major memory, which row-major c is as c^T = op(b)^T @ op(a)^T: ND4J writes a
        // product into row-major memory by way of a copy, and into strided memory not at all.
        INDArray transposed = result.transpose();
        int beta = shape.add() ? 1 : 0;
        Nd4j.gemm(right.transpose(), left.transpose(), transposed, transposeB, transposeA, 1, beta);
      } else {
        INDArray first = transposeA ? left.transpose() : left;
        store(first.mmul(transposeB ? right.transpose() : right), shape.add(), result);
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
  public void biasBackward(int rows, Tensor dX, Gradient dBias) {
    try (MemoryWorkspace _ = scratch()) {
      store(rows(dX, rows).sum(true, 0), dBias);
    }
  }

  // ---- embedding -------------------------------------------------------------------------------

  @Override
  public void embedding(Positions positions, Tensor ids, Tensor wte, Tensor wpe, Tensor out) {
    int rows = positions.rows();
    try (MemoryWorkspace _ = scratch()) {
      INDArray tokens = Nd4j.pullRows(rows(wte, wte.rows()), 1, rows(ids, rows).toIntVector());
      if (wpe != null) {
        tokens.addi(Nd4j.pullRows(rows(wpe, wpe.rows()), 1, indices(positions)));
      }
      rows(out, rows).assign(tokens);
    }
  }

  /** The position of each row. */
  private static int[] indices(Positions positions) {
    return IntStream.range(0, positions.rows())
        .map(row -> positions.past() + row % positions.T())
        .toArray();
  }

  @Override
  public void embeddingBackward(
      Positions positions, Tensor ids, Tensor dOut, Gradient dWte, Gradient dWpe) {
    int B = positions.B();
    int T = positions.T();
    try (MemoryWorkspace _ = scratch()) {
      if (dWte != null) {
        INDArray tokens = cleared(dWte);
        Nd4j.exec(
            DynamicCustomOp.builder("scatter_add")
                .addInputs(tokens, rows(ids, B * T).reshape(B * T), rows(dOut, B * T))
                .addOutputs(tokens)
                .addBooleanArguments(true) // one update at a time: ids may be equal
                .build());
      }
      if (dWpe != null) {
        cleared(dWpe);
        rows(dWpe.tensor(), T).addi(sequences(dOut, B, T).sum(0));
      }
    }
  }

  /** All rows of a gradient, zeroed unless it is added to. */
  private static INDArray cleared(Gradient gradient) {
    INDArray all = rows(gradient.tensor(), gradient.tensor().rows());
    return gradient.add() ? all : all.assign(0);
  }

  // ---- residual sums and norms -----------------------------------------------------------------

  @Override
  public void residual(int rows, Residual residual) {
    try (MemoryWorkspace _ = scratch()) {
      INDArray result = rows(residual.sum(), rows);
      rows(residual.x(), rows).add(rows(residual.branch(), rows), result);
      if (residual.bias() != null) {
        result.addiRowVector(row(residual.bias()));
      }
    }
  }

  @Override
  public void norm(int rows, Norm norm, Tensor x, Tensor out, Tensor statistics) {
    NormSpec spec = norm.spec();
    try (MemoryWorkspace _ = scratch()) {
      INDArray input = rows(x, rows);
      INDArray mean = input.mean(true, 1).muli(spec.centred() ? 1 : 0); // (rows, 1)
      INDArray centred = input.subColumnVector(mean); // (rows, C)
      INDArray variance = centred.mul(centred).mean(true, 1); // (rows, 1)
      INDArray rstd = Transforms.sqrt(variance.addi(spec.epsilon())).rdivi(1); // (rows, 1)
      INDArray normed = centred.muliColumnVector(rstd);
      if (norm.weight() != null) {
        normed.muliRowVector(row(norm.weight()));
      }
      if (norm.bias() != null) {
        normed.addiRowVector(row(norm.bias()));
      }
      rows(out, rows).assign(normed);
      rows(statistics.columns(0, 1), rows).assign(mean);
      rows(statistics.columns(1, 1), rows).assign(rstd);
    }
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
    Tensor weight = norm.weight();
    try (MemoryWorkspace _ = scratch()) {
      INDArray mean = rows(statistics.columns(0, 1), rows);
      INDArray rstd = rows(statistics.columns(1, 1), rows);
      INDArray gradient = rows(dOut, rows);
      INDArray normed = rows(x, rows).subColumnVector(mean).muliColumnVector(rstd); // (rows, C)
      if (dWeight != null) {
        store(gradient.mul(normed).sum(true, 0), dWeight);
      }
      if (dBias != null) {
        store(gradient.sum(true, 0), dBias);
      }
      INDArray dNormed = weight == null ? gradient.dup() : gradient.mulRowVector(row(weight));
      INDArray dMean = dNormed.mean(true, 1).muli(norm.spec().centred() ? 1 : 0); // (rows, 1)
      INDArray dScale = dNormed.mul(normed).mean(true, 1); // (rows, 1)
      dNormed.subiColumnVector(dMean).subi(normed.muliColumnVector(dScale));
      store(dNormed.muliColumnVector(rstd), dX.add(), rows(dX.tensor(), rows));
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
      Activation kind, int rows, Tensor x, Tensor bias, Tensor dOut, Tensor dX, Gradient dBias) {
    try (MemoryWorkspace _ = scratch()) {
      INDArray dInput = Activations.backward(kind, biased(rows, x, bias), rows(dOut, rows));
      rows(dX, rows).assign(dInput);
      if (dBias != null) {
        store(dInput.sum(true, 0), dBias);
      }
    }
  }

  /** x + bias, in an array of its own. */
  private static INDArray biased(int rows, Tensor x, Tensor bias) {
    return bias == null ? rows(x, rows).dup() : rows(x, rows).addRowVector(row(bias));
  }

  @Override
  public void scale(int rows, double factor, Tensor x, Tensor out) {
    try (MemoryWorkspace _ = scratch()) {
      rows(out, rows).assign(rows(x, rows).mul(factor));
    }
  }

  @Override
  public void rotary(Rotation rotation, Positions positions, Tensor x) {
    Tensor angles = rotation.angles();
    int rows = positions.rows();
    try (MemoryWorkspace _ = scratch()) {
      int[] indices = indices(positions);
      INDArray cosines = angles(angles, 0, indices); // (rows, 1, R/2)
      INDArray sines = angles(angles, 1, indices).muli(rotation.inverse() ? -1 : 1);
      INDArray first = halfHeads(x, rows, rotation, 0); // (rows, heads, R/2)
      INDArray second = halfHeads(x, rows, rotation, 1);
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
      AttentionSpec spec, Heads in, DropoutMask mask, Tensor out, Tensor logsumexp) {
    try (MemoryWorkspace _ = scratch()) {
      new Nd4jAttention(spec, in, mask).forward(out, logsumexp);
    }
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
    try (MemoryWorkspace _ = scratch()) {
      new Nd4jAttention(spec, in, mask).backward(dOut, logsumexp, gradients);
    }
  }

  // ---- loss and optimizer ----------------------------------------------------------------------

  @Override
  public double crossEntropy(int rows, Tensor logits, CrossEntropy loss) {
    try (MemoryWorkspace _ = scratch()) {
      INDArray x = rows(logits, rows);
      INDArray indices = rows(loss.targets(), rows).reshape(rows);
      INDArray wanted =
          OPS.oneHot(indices, logits.columns(), -1, 1, 0, DataType.FLOAT); // (rows, V)
      INDArray isScored = wanted.sum(true, 1); // (rows, 1): a negative target is nowhere
      INDArray shifted = x.subColumnVector(x.max(true, 1));
      INDArray exponentials = Transforms.exp(shifted);
      INDArray sums = exponentials.sum(true, 1); // (rows, 1)
      INDArray losses = Transforms.log(sums).muli(isScored).subi(shifted.muli(wanted).sum(true, 1));
      boolean isMean = loss.weights() == null;
      double divisor = isMean ? Math.max(1, isScored.sumNumber().doubleValue()) : 1;
      INDArray weights = // (rows, 1)
          isMean ? isScored : rows(loss.weights(), rows).mul(isScored);
      if (loss.losses() != null) {
        rows(loss.losses(), rows).assign(losses);
      }
      if (loss.dLogits() != null) {
        INDArray softmax = exponentials.diviColumnVector(sums);
        rows(loss.dLogits(), rows)
            .assign(
                softmax
                    .subi(wanted)
                    .muliColumnVector(weights)
                    .divi(isMean ? divisor / loss.share() : divisor));
      }
      return losses.muli(weights).castTo(DataType.DOUBLE).sumNumber().doubleValue() / divisor;
    }
  }

  @Override
  public int squaresBlock() {
    return PART;
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
        boolean narrow = m.dtype() == DType.BFLOAT16;
        INDArray first = narrow ? wide(m, start, end) : elements(m, start, end);
        INDArray second = narrow ? wide(v, start, end) : elements(v, start, end);
        INDArray w = elements(weights, start, end);
        first.muli(step.beta1()).addi(g.mul(1 - step.beta1()));
        second.muli(step.beta2()).addi(g.mul(g).muli(1 - step.beta2()));
        INDArray root = Transforms.sqrt(second.mul(step.correction2())).addi(step.epsilon());
        INDArray move = first.mul(step.correction1()).divi(root).addi(w.mul(step.decay()));
        w.subi(move.muli(step.learningRate()));
        if (narrow) {
          int[] words = new int[(int) (end - start)];
          step.randomBits(start, words, words.length);
          round(first, m.part(start, words.length), words, 0);
          round(second, v.part(start, words.length), words, 16);
        }
      }
    }
  }

  @Override
  public void addScaled(double factor, Flat x, Flat to, boolean add, boolean rounded) {
    for (long start = 0; start < to.length(); start += PART) {
      long end = Math.min(to.length(), start + PART);
      try (MemoryWorkspace _ = scratch()) {
        Views.store(elements(x, start, end).mul(factor), add, elements(to, start, end));
      }
      if (rounded) {
        round(to.part(start, end - start));
      }
    }
  }

  /** A float32 copy of elements [start, end) of bfloat16. */
  private static INDArray wide(Flat x, long start, long end) {
    return elements(x, start, end).castTo(DataType.FLOAT);
  }

  /** x = values, rounded by 16 bits of each word from {@code shift} on. */
  private static void round(INDArray values, Flat x, int[] words, int shift) {
    float[] wide = values.toFloatVector();
    short[] bits = new short[wide.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = DType.toBfloat16(wide[i], words[i] >>> shift);
    }
    x.memory().write(x.dtype(), x.from(), MemorySegment.ofArray(bits));
  }

  /** Rounds to bfloat16 in Java, since ND4J's own conversion cuts off. */
  private static void round(Flat x) {
    float[] values = new float[(int) x.length()];
    MemorySegment floats = MemorySegment.ofArray(values);
    x.memory().read(x.dtype(), x.from(), floats);
    for (int i = 0; i < values.length; i++) {
      values[i] = DType.fromBfloat16(DType.toBfloat16(values[i]));
    }
    x.memory().write(x.dtype(), x.from(), floats);
  }

  /** Frees this thread's scratch space. */
  @Override
  public void close() {
    Nd4j.getWorkspaceManager()
        .destroyWorkspace(
            Nd4j.getWorkspaceManager().getWorkspaceForCurrentThread(SCRATCH, SCRATCH_NAME));
  }
}
