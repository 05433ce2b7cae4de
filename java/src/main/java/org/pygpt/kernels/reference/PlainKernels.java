package org.pygpt.kernels.reference;

import static org.pygpt.kernels.reference.Products.at;
import static org.pygpt.tensor.HostMemory.get;
import static org.pygpt.tensor.HostMemory.set;

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
import org.pygpt.kernels.Positions;
import org.pygpt.kernels.Residual;
import org.pygpt.kernels.Rotation;
import org.pygpt.tensor.Device;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.Tensor;

/**
 * The reference: scalar loops in double precision on tensors of any floating type, a file for each
 * kind of op.
 *
 * <p>Slow and obvious on purpose. Sums are carried in double and rounded once when stored, so on
 * float32 tensors it is more accurate than any fast backend, and on float64 tensors it is what
 * finite differences are compared with.
 */
public final class PlainKernels implements Kernels {
  @Override
  public String name() {
    return "plain";
  }

  @Override
  public String description() {
    return "scalar Java, 1 thread";
  }

  @Override
  public Device device() {
    return HostDevice.host();
  }

  @Override
  public void gemm(MatMul shape, Tensor a, Tensor b, Tensor c) {
    Products.gemm(shape, a, b, c);
  }

  @Override
  public int rowsAlike() {
    return Integer.MAX_VALUE;
  }

  @Override
  public void bias(int rows, Tensor bias, Tensor x) {
    Products.bias(rows, bias, x);
  }

  @Override
  public void biasBackward(int rows, Tensor dX, Gradient dBias) {
    Products.biasBackward(rows, dX, dBias);
  }

  @Override
  public void embedding(Positions positions, Tensor ids, Tensor wte, Tensor wpe, Tensor out) {
    Embeddings.forward(positions, ids, wte, wpe, out);
  }

  @Override
  public void embeddingBackward(
      Positions positions, Tensor ids, Tensor dOut, Gradient dWte, Gradient dWpe) {
    Embeddings.backward(positions, ids, dOut, dWte, dWpe);
  }

  @Override
  public void residual(int rows, Residual residual) {
    Norms.residual(rows, residual);
  }

  @Override
  public void norm(int rows, Norm norm, Tensor x, Tensor out, Tensor statistics) {
    Norms.forward(rows, norm, x, out, statistics);
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
    Norms.backward(rows, norm, dOut, x, statistics, dX, dWeight, dBias);
  }

  @Override
  public void activation(Activation kind, int rows, Tensor x, Tensor bias, Tensor out) {
    Activations.forward(kind, rows, x, bias, out);
  }

  @Override
  public void activationBackward(
      Activation kind, int rows, Tensor x, Tensor bias, Tensor dOut, Tensor dX, Gradient dBias) {
    Activations.backward(kind, rows, x, bias, dOut, dX, dBias);
  }

  @Override
  public void rotary(Rotation rotation, Positions positions, Tensor x) {
    Rotations.rotate(rotation, positions, x);
  }

  @Override
  public void dropout(int rows, Tensor x, Tensor bias, DropoutMask mask, Tensor out) {
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < x.columns(); c++) {
        float factor = mask.factor((long) row * x.columns() + c); // 0 or 1 / (1 - p)
        set(out, row, c, (get(x, row, c) + at(bias, c, 0)) * factor);
      }
    }
  }

  @Override
  public void dropoutBackward(int rows, Tensor dOut, DropoutMask mask, Tensor dX) {
    dropout(rows, dOut, null, mask, dX);
  }

  @Override
  public void copy(int rows, Tensor from, Tensor to, int toRow) {
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < from.columns(); c++) {
        set(to, toRow + row, c, get(from, row, c));
      }
    }
  }

  @Override
  public void attention(
      AttentionSpec spec, Heads in, DropoutMask mask, Tensor out, Tensor logsumexp) {
    new Attention(spec, in, mask).forward(out, logsumexp);
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
    new Attention(spec, in, mask).backward(out, dOut, gradients);
  }

  @Override
  public double crossEntropy(int rows, Tensor logits, CrossEntropy loss) {
    return Losses.crossEntropy(rows, logits, loss);
  }

  @Override
  public int squaresBlock() {
    return 1;
  }

  @Override
  public double sumOfSquares(Flat x) {
    return Optimizers.sumOfSquares(x);
  }

  @Override
  public void adamW(AdamStep step, Flat weights, Flat gradients, Flat m, Flat v) {
    Optimizers.adamW(step, weights, gradients, m, v);
  }
}
