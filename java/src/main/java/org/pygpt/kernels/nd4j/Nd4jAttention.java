package org.pygpt.kernels.nd4j;

import static org.pygpt.kernels.nd4j.Views.headGroups;
import static org.pygpt.kernels.nd4j.Views.rows;

import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.ops.transforms.Transforms;
import org.pygpt.kernels.AttentionSpec;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.Heads;
import org.pygpt.tensor.Tensor;

/**
 * Attention of all sequences and heads at once.
 *
 * <p>Sequences and the heads of keys are one dimension, N = B * kvHeads; the G = H / kvHeads heads
 * of queries that share a head of keys are stacked: their M = G * T queries are one matrix, so that
 * no key is repeated, and the products sum dK and dV over them. This one backend does hold every
 * score in memory, (N, M, S) with S keys.
 */
final class Nd4jAttention {
  /** What masked scores get: the exponential is 0. */
  private static final float MASKED = Float.NEGATIVE_INFINITY;

  private final AttentionSpec spec;
  private final Heads in;
  private final DropoutMask dropout;
  private final int B;
  private final int T;
  private final int S;
  private final int H;
  private final int kvHeads;
  private final int D;
  private INDArray tanh; // of the scores over their cap, (B * H, T, S); null without a cap

  Nd4jAttention(AttentionSpec spec, Heads in, DropoutMask dropout) {
    this.spec = spec;
    this.in = in;
    this.dropout = dropout;
    B = spec.B();
    T = spec.queries();
    S = spec.keys();
    H = spec.H();
    kvHeads = spec.kvHeads();
    D = in.q().columns() / H;
  }

  void forward(Tensor out, Tensor logsumexp) {
    INDArray scores = scores(load(in.q(), T), load(in.k(), S));
    INDArray max = scores.max(true, 2); // (B * H, T, 1)
    INDArray p = Transforms.exp(scores.subi(max), false); // (B * H, T, S)
    INDArray sums = p.sum(true, 2); // (B * H, T, 1)
    p.divi(sums);
    if (logsumexp != null) {
      rows(logsumexp.columns(0, T), B * H).assign(Transforms.log(sums).addi(max).reshape(B * H, T));
    }
    if (dropout != null) {
      p.muli(factors());
    }
    save(Nd4j.matmul(stacked(p), load(in.v(), S)), out, T); // (N, M, S) @ (N, S, D)
  }

  void backward(Tensor dOut, Tensor logsumexp, Heads gradients) {
    INDArray queries = load(in.q(), T); // (N, M, D)
    INDArray keys = load(in.k(), S); // (N, S, D)
    INDArray dMixed = load(dOut, T); // (N, M, D)
    INDArray sums = rows(logsumexp.columns(0, T), B * H).reshape(B * H, T, 1);
    INDArray p = Transforms.exp(scores(queries, keys).subi(sums), false); // (B * H, T, S)
    INDArray dP = product(dMixed, false, load(in.v(), S), true).reshape(B * H, T, S);
    INDArray kept = p;
    if (dropout != null) {
      INDArray factors = factors();
      kept = p.mul(factors);
      dP.muli(factors);
    }
    save(product(stacked(kept), true, dMixed, false), gradients.v(), S); // (N, S, M) @ (N, M, D)
    INDArray mean = dP.mul(p).sum(true, 2); // (B * H, T, 1)
    INDArray dScaled = scaled(dP.subi(mean).muli(p));
    if (tanh != null) {
      dScaled.muli(tanh.mul(tanh).rsubi(1));
    }
    INDArray dScores = stacked(dScaled);
    save(product(dScores, false, keys, false), gradients.q(), T); // (N, M, S) @ (N, S, D)
    save(product(dScores, true, queries, false), gradients.k(), S); // (N, S, M) @ (N, M, D)
  }

  /** Scaled scores, -infinity where query t does not see key s: (B * H, T, S). */
  private INDArray scores(INDArray queries, INDArray keys) {
    INDArray scores = product(queries, false, keys, true); // (N, M, D) @ (N, D, S)
    scores = scaled(scores).reshape(B * H, T, S);
    double cap = spec.scores().cap();
    if (cap > 0) {
      tanh = Transforms.tanh(scores.div(cap));
      scores = tanh.mul(cap);
    }
    if (spec.scores().alibi() > 0) {
      scores = scores.addi(alibi());
    }
    if (spec.lengths() != null) {
      return scores.addi(padding());
    }
    return spec.causal() ? scores.addi(unseen()) : scores;
  }

  private INDArray scaled(INDArray x) {
    double scale = spec.scores().scale();
    return scale == 0 ? x.divi(Math.sqrt(D)) : x.muli(scale);
  }

  /** What ALiBi adds: (B * H, T, S). */
  private INDArray alibi() {
    float[] biases = new float[B * H * T * S];
    for (int i = 0; i < biases.length; i++) {
      biases[i] = (float) spec.bias(i / S / T % H, i / S % T, i % S);
    }
    return Nd4j.createFromArray(biases).reshape(B * H, T, S);
  }

  private static INDArray product(INDArray a, boolean transposeA, INDArray b, boolean transposeB) {
    return Nd4j.matmul(a, b, transposeA, transposeB, false);
  }

  /** -infinity in the future and before the window, else 0: (1, T, S). */
  private INDArray unseen() {
    float[] mask = new float[T * S];
    for (int t = 0; t < T; t++) {
      Arrays.fill(mask, t * S, t * S + spec.first(t), MASKED);
      Arrays.fill(mask, t * S + spec.visible(0, t), (t + 1) * S, MASKED);
    }
    return Nd4j.createFromArray(mask).reshape(1, T, S);
  }

  /** -infinity at the padding of each sequence, else 0: (B * H, 1, S). */
  private INDArray padding() {
    float[] mask = new float[B * H * S];
    for (int i = 0; i < B * H; i++) {
      Arrays.fill(mask, i * S + spec.lengths()[i / H], (i + 1) * S, MASKED);
    }
    return Nd4j.createFromArray(mask).reshape(B * H, 1, S);
  }

  private INDArray factors() {
    return Nd4jKernels.factors(dropout, B * H, T, S);
  }

  /** (B * H, T, S) as (N, M, S). */
  private INDArray stacked(INDArray p) {
    return p.reshape(B * kvHeads, H / kvHeads * T, S);
  }

  /** Copies the heads of x out: (N, heads of a group * length, D). */
  private INDArray load(Tensor x, int length) {
    int stack = x.columns() / D / kvHeads * length;
    return headGroups(x, B, length, kvHeads, D).dup('c').reshape(B * kvHeads, stack, D);
  }

  /** Copies (N, heads of a group * length, D) to the heads of x. */
  private void save(INDArray heads, Tensor x, int length) {
    INDArray target = headGroups(x, B, length, kvHeads, D);
    target.assign(heads.reshape(target.shape()));
  }
}
