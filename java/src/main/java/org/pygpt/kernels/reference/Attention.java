package org.pygpt.kernels.reference;

import static org.pygpt.tensor.HostMemory.add;
import static org.pygpt.tensor.HostMemory.get;
import static org.pygpt.tensor.HostMemory.set;

import org.pygpt.kernels.AttentionSpec;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.Heads;
import org.pygpt.tensor.Tensor;

/**
 * Multi-head attention, one query of one head after another; derived in docs/maths/attention.md.
 *
 * <p>Query t of head h sees the keys of its sequence from {@code spec.first(t)} to before {@code
 * spec.visible(b, t)}; its head of keys and values is h / (H / kvHeads).
 */
final class Attention {
  private final AttentionSpec spec;
  private final Heads in;
  private final DropoutMask mask;
  private final int D;
  private final double divisor; // of products
  private final double[] p; // of one query: (keys)
  private final double[] slopes; // likewise: of a score by its scaled product

  Attention(AttentionSpec spec, Heads in, DropoutMask mask) {
    this.spec = spec;
    this.in = in;
    this.mask = mask;
    D = in.q().columns() / spec.H();
    divisor = spec.scores().scale() == 0 ? Math.sqrt(D) : 1 / spec.scores().scale();
    p = new double[spec.keys()];
    slopes = new double[spec.keys()];
  }

  /** One query of one head: where it, its keys and its values lie. */
  private record Query(int row, int column, int firstKey, int keyColumn, int keys, int head) {}

  private Query query(int b, int h, int t) {
    int keyColumn = h / (spec.H() / spec.kvHeads()) * D;
    int row = b * spec.queries() + t;
    int visible = spec.visible(b, t);
    return new Query(row, h * D, b * spec.keys(), keyColumn, visible, b * spec.H() + h);
  }

  /**
   * out = sum over s of p[s] * v[s], with p = softmax(q . k[s] / sqrt(D)), some of them dropped.
   */
  void forward(Tensor out, Tensor logsumexp) {
    for (int b = 0; b < spec.B(); b++) {
      for (int h = 0; h < spec.H(); h++) {
        for (int t = 0; t < spec.queries(); t++) {
          Query query = query(b, h, t);
          double total = scores(query, h, t);
          for (int s = 0; s < query.keys; s++) {
            p[s] = Math.exp(p[s] - total) * kept(query, t, s);
          }
          for (int d = 0; d < D; d++) {
            double sum = 0;
            for (int s = 0; s < query.keys; s++) {
              sum += p[s] * get(in.v(), query.firstKey + s, query.keyColumn + d);
            }
            set(out, query.row, query.column + d, sum);
          }
          if (logsumexp != null) {
            set(logsumexp, query.head, t, total);
          }
        }
      }
    }
  }

  /**
   * Fills p with the scores of a query, -infinity before its window, and slopes; returns log(sum
   * over s of e^p[s]).
   */
  private double scores(Query query, int h, int t) {
    double max = Double.NEGATIVE_INFINITY;
    double cap = spec.scores().cap();
    for (int s = 0; s < spec.first(t); s++) {
      p[s] = Double.NEGATIVE_INFINITY;
    }
    for (int s = spec.first(t); s < query.keys; s++) {
      double dot = 0;
      for (int d = 0; d < D; d++) {
        double key = get(in.k(), query.firstKey + s, query.keyColumn + d);
        dot += get(in.q(), query.row, query.column + d) * key;
      }
      p[s] = dot / divisor;
      slopes[s] = 1;
      if (cap > 0) {
        double tanh = Math.tanh(p[s] / cap);
        p[s] = cap * tanh;
        slopes[s] = 1 - tanh * tanh;
      }
      if (spec.scores().alibi() > 0) {
        p[s] += spec.bias(h, t, s);
      }
      max = Math.max(max, p[s]);
    }
    double sum = 0;
    for (int s = 0; s < query.keys; s++) {
      sum += Math.exp(p[s] - max);
    }
    return max + Math.log(sum);
  }

  /** What the probability of key s is multiplied by: 0 if it is dropped, 1 without dropout. */
  private float kept(Query query, int t, int s) {
    long index = ((long) query.head * spec.queries() + t) * spec.keys() + s;
    return mask == null ? 1 : mask.factor(index);
  }

  /**
   * dV[s] += kept * p[s] * dOut; dP[s] = kept * (dOut . v[s]); dScore[s] = p[s] * (dP[s] - sum over
   * r of p[r] * dP[r]) / sqrt(D), where that sum is dOut . out, times the slope of the cap where
   * there is one; dQ += dScore[s] * k[s]; dK[s] += dScore[s] * q. The probabilities are computed
   * again from the scores.
   */
  void backward(Tensor out, Tensor dOut, Heads gradients) {
    gradients.q().rows(0, spec.B() * spec.queries()).zero();
    gradients.k().rows(0, spec.B() * spec.keys()).zero();
    gradients.v().rows(0, spec.B() * spec.keys()).zero();
    for (int b = 0; b < spec.B(); b++) {
      for (int h = 0; h < spec.H(); h++) {
        for (int t = 0; t < spec.queries(); t++) {
          backward(query(b, h, t), h, t, out, dOut, gradients);
        }
      }
    }
  }

  private void backward(Query query, int h, int t, Tensor out, Tensor dOut, Heads gradients) {
    double total = scores(query, h, t);
    double mean = 0; // of dP, weighted by p
    for (int d = 0; d < D; d++) {
      int column = query.column + d;
      mean += get(dOut, query.row, column) * get(out, query.row, column);
    }
    for (int s = spec.first(t); s < query.keys; s++) {
      int key = query.firstKey + s;
      double probability = Math.exp(p[s] - total);
      float kept = kept(query, t, s);
      double dP = 0;
      for (int d = 0; d < D; d++) {
        double gradient = get(dOut, query.row, query.column + d);
        dP += gradient * get(in.v(), key, query.keyColumn + d) * kept;
        add(gradients.v(), key, query.keyColumn + d, probability * kept * gradient);
      }
      double dScore = probability * (dP - mean) / divisor * slopes[s];
      for (int d = 0; d < D; d++) {
        double k = get(in.k(), key, query.keyColumn + d);
        add(gradients.q(), query.row, query.column + d, dScore * k);
        double q = get(in.q(), query.row, query.column + d);
        add(gradients.k(), key, query.keyColumn + d, dScore * q);
      }
    }
  }
}
