package org.pygpt.kernels;

import org.pygpt.tensor.Tensor;

/**
 * The reference: scalar loops in double precision on tensors of any floating type.
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
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        double sum = add ? c.get(i, j) : 0;
        for (int p = 0; p < k; p++) {
          sum +=
              (transposeA ? a.get(p, i) : a.get(i, p)) * (transposeB ? b.get(j, p) : b.get(p, j));
        }
        c.set(i, j, sum);
      }
    }
  }

  @Override
  public void embedding(int B, int T, int past, Tensor ids, Tensor wte, Tensor wpe, Tensor out) {
    for (int row = 0; row < B * T; row++) {
      int id = (int) ids.get(row, 0);
      for (int c = 0; c < out.columns(); c++) {
        out.set(row, c, wte.get(id, c) + wpe.get(past + row % T, c));
      }
    }
  }

  @Override
  public void embeddingBackward(int B, int T, Tensor ids, Tensor dOut, Tensor dWte, Tensor dWpe) {
    for (int row = 0; row < B * T; row++) {
      int id = (int) ids.get(row, 0);
      for (int c = 0; c < dOut.columns(); c++) {
        dWte.add(id, c, dOut.get(row, c));
        dWpe.add(row % T, c, dOut.get(row, c));
      }
    }
  }

  @Override
  public void rmsNorm(int rows, Tensor x, Tensor out, Tensor rstd) {
    int C = x.columns();
    for (int row = 0; row < rows; row++) {
      double squares = 0;
      for (int c = 0; c < C; c++) {
        squares += x.get(row, c) * x.get(row, c);
      }
      rstd.set(row, 0, 1 / Math.sqrt(squares / C + RMS_NORM_EPSILON));
      for (int c = 0; c < C; c++) {
        out.set(row, c, x.get(row, c) * rstd.get(row, 0));
      }
    }
  }

  @Override
  public void rmsNormBackward(
      int rows, Tensor dOut, Tensor out, Tensor rstd, boolean add, Tensor dX) {
    int C = out.columns();
    for (int row = 0; row < rows; row++) {
      double dot = 0;
      for (int c = 0; c < C; c++) {
        dot += dOut.get(row, c) * out.get(row, c);
      }
      for (int c = 0; c < C; c++) {
        double d = rstd.get(row, 0) * (dOut.get(row, c) - out.get(row, c) * dot / C);
        dX.set(row, c, add ? dX.get(row, c) + d : d);
      }
    }
  }

  @Override
  public void relu(int rows, Tensor x, Tensor out) {
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < x.columns(); c++) {
        out.set(row, c, Math.max(x.get(row, c), 0));
      }
    }
  }

  @Override
  public void reluBackward(int rows, Tensor dOut, Tensor out, boolean add, Tensor dX) {
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < out.columns(); c++) {
        double d = out.get(row, c) > 0 ? dOut.get(row, c) : 0;
        dX.set(row, c, add ? dX.get(row, c) + d : d);
      }
    }
  }

  @Override
  public void add(int rows, Tensor a, Tensor b, Tensor out) {
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < out.columns(); c++) {
        out.set(row, c, a.get(row, c) + b.get(row, c));
      }
    }
  }

  @Override
  public void copy(int rows, Tensor from, Tensor to, int toRow) {
    for (int row = 0; row < rows; row++) {
      for (int c = 0; c < from.columns(); c++) {
        to.set(toRow + row, c, from.get(row, c));
      }
    }
  }

  @Override
  public void attention(
      int B,
      int T,
      int past,
      int H,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor out,
      Tensor probabilities) {
    int D = q.columns() / H;
    double scale = 1 / Math.sqrt(D);
    for (int b = 0; b < B; b++) {
      for (int h = 0; h < H; h++) {
        for (int t = 0; t < T; t++) {
          int query = b * T + t;
          int p = (b * H + h) * T + t;
          int keys = past + t + 1;
          double max = Double.NEGATIVE_INFINITY;
          for (int s = 0; s < keys; s++) {
            double score = scale * dot(D, q, query, k, b * T + s, h * D);
            probabilities.set(p, s, score);
            max = Math.max(max, score);
          }
          double sum = 0;
          for (int s = 0; s < keys; s++) {
            probabilities.set(p, s, Math.exp(probabilities.get(p, s) - max));
            sum += probabilities.get(p, s);
          }
          for (int s = 0; s < keys; s++) {
            probabilities.set(p, s, probabilities.get(p, s) / sum);
          }
          for (int d = h * D; d < h * D + D; d++) {
            double mixed = 0;
            for (int s = 0; s < keys; s++) {
              mixed += probabilities.get(p, s) * v.get(b * T + s, d);
            }
            out.set(query, d, mixed);
          }
        }
      }
    }
  }

  @Override
  public void attentionBackward(
      int B,
      int T,
      int H,
      Tensor dOut,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor probabilities,
      Tensor dQ,
      Tensor dK,
      Tensor dV) {
    int D = q.columns() / H;
    double scale = 1 / Math.sqrt(D);
    for (int row = 0; row < B * T; row++) {
      for (int c = 0; c < q.columns(); c++) {
        dQ.set(row, c, 0);
        dK.set(row, c, 0);
        dV.set(row, c, 0);
      }
    }
    for (int b = 0; b < B; b++) {
      for (int h = 0; h < H; h++) {
        for (int t = 0; t < T; t++) {
          int query = b * T + t;
          int p = (b * H + h) * T + t;
          double mean = 0; // sum over s of probability * dProbability
          for (int s = 0; s <= t; s++) {
            mean += probabilities.get(p, s) * dot(D, dOut, query, v, b * T + s, h * D);
          }
          for (int s = 0; s <= t; s++) {
            int key = b * T + s;
            double probability = probabilities.get(p, s);
            double dScore = probability * (dot(D, dOut, query, v, key, h * D) - mean) * scale;
            for (int d = h * D; d < h * D + D; d++) {
              dQ.add(query, d, dScore * k.get(key, d));
              dK.add(key, d, dScore * q.get(query, d));
              dV.add(key, d, probability * dOut.get(query, d));
            }
          }
        }
      }
    }
  }

  private static double dot(int D, Tensor a, int aRow, Tensor b, int bRow, int from) {
    double sum = 0;
    for (int d = from; d < from + D; d++) {
      sum += a.get(aRow, d) * b.get(bRow, d);
    }
    return sum;
  }

  @Override
  public double crossEntropy(int rows, Tensor logits, Tensor targets, Tensor dLogits) {
    int V = logits.columns();
    int scored = 0;
    for (int row = 0; row < rows; row++) {
      scored += targets.get(row, 0) >= 0 ? 1 : 0;
    }
    double loss = 0;
    for (int row = 0; row < rows; row++) {
      int target = (int) targets.get(row, 0);
      double max = Double.NEGATIVE_INFINITY;
      for (int c = 0; c < V; c++) {
        max = Math.max(max, logits.get(row, c));
      }
      double sum = 0;
      for (int c = 0; c < V; c++) {
        sum += Math.exp(logits.get(row, c) - max);
      }
      if (target >= 0) {
        loss += Math.log(sum) + max - logits.get(row, target);
      }
      for (int c = 0; c < V; c++) {
        double d = Math.exp(logits.get(row, c) - max) / sum - (c == target ? 1 : 0);
        dLogits.set(row, c, target < 0 ? 0 : d / scored);
      }
    }
    return scored == 0 ? 0 : loss / scored;
  }

  @Override
  public void adam(AdamStep step, Tensor weights, Tensor gradients, Tensor m, Tensor v) {
    for (int row = 0; row < weights.rows(); row++) {
      for (int i = 0; i < weights.columns(); i++) {
        double g = gradients.get(row, i);
        m.set(row, i, step.beta1() * m.get(row, i) + (1 - step.beta1()) * g);
        v.set(row, i, step.beta2() * v.get(row, i) + (1 - step.beta2()) * g * g);
        double root = Math.sqrt(v.get(row, i) * step.correction2()) + step.epsilon();
        weights.add(row, i, -step.rate() * m.get(row, i) * step.correction1() / root);
      }
    }
  }
}
