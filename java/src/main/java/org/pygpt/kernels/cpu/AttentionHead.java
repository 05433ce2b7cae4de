package org.pygpt.kernels.cpu;

import org.pygpt.kernels.AttentionSpec;
import org.pygpt.kernels.DropoutMask;

/**
 * Attention of one head and its gradient. Queries are taken in blocks, so that only (keys, block)
 * scores exist at a time, in scratch space; how the products are made is a subclass's.
 */
abstract class AttentionHead {
  // scratch arrays; those from OWN on are the subclass's
  static final int SCORES = 0;
  static final int D_SCORES = 1;
  private static final int DROPPED = 2;
  private static final int LOGSUMEXP = 3;
  static final int OWN = 4;
  private static final int SLOPES = 13;

  private final int width;

  /**
   * A way to compute heads.
   *
   * @param width queries of a block; a multiple of the lanes of any machine's vectors
   */
  AttentionHead(int width) {
    this.width = width;
  }

  /**
   * One head of a call.
   *
   * @param b its sequence
   * @param h its number among the heads of queries
   * @param g that of its keys and values
   * @param first whether it is the first one that reads these keys
   */
  record Place(
      AttentionKernel call, boolean vectors, Staging staging, int b, int h, int g, boolean first) {
    int D() {
      return call.D();
    }

    /** Keys of the sequence. */
    int keys() {
      return call.spec().keys();
    }

    /** Row of query t in queries and outputs; the head's columns begin at {@link #column}. */
    int row(int t) {
      return b * call.spec().queries() + t;
    }

    int column() {
      return h * D();
    }

    /** Row of the first key; the head's columns begin at {@link #keyColumn}. */
    int keyRow() {
      return b * keys();
    }

    /** 0 where the keys are one head's alone. */
    int keyColumn() {
      return call.in().k().columns() == D() ? 0 : g * D();
    }

    /** Row of logsumexp, which is also the head's number in the dropout mask. */
    int head() {
      return b * call.spec().H() + h;
    }

    /** What scores are multiplied by. */
    float scale() {
      return (float) call.spec().scores().scale(D());
    }
  }

  /** Prepares keys and values; in backward also dK and dV, zeros for the first head. */
  abstract void begin(Place at);

  /** keys . queries: (length, D) @ (D, queries) -> (length, width), in slot SCORES. */
  abstract float[] scores(Place at, int t, int queries, int length);

  /** Writes p @ values: (queries, length) @ (length, D) -> (queries, D). */
  abstract void output(Place at, int t, int queries, int length, float[] p);

  /** values . dOut: (length, D) @ (D, queries) -> (length, width), in slot D_SCORES. */
  abstract float[] dProbabilities(Place at, int t, int queries, int length);

  /** Writes dQ = dScores @ keys, and adds p @ dOut to dV and dScores @ q to dK. */
  abstract void gradients(Place at, int t, int queries, int length, float[] p, float[] dScores);

  /** Writes dK and dV where they are not written yet. */
  abstract void end(Place at);

  /** {@link #forward} of a single query without dropout, as a step of generation has it. */
  void forwardOne(Place at) {
    forward(at);
  }

  final void forward(Place at) {
    AttentionKernel call = at.call();
    AttentionSpec spec = call.spec();
    float[] logsumexp = at.staging().array(LOGSUMEXP, width);
    begin(at);
    for (int t = 0; t < spec.queries(); t += width) {
      int queries = Math.min(width, spec.queries() - t);
      int length = spec.visible(at.b(), t + queries - 1);
      float[] p = scores(at, t, queries, length);
      float scale = shape(at, t, queries, length, p);
      mask(at, t, queries, length, p);
      Softmax.forward(at.vectors(), p, width, length, queries, scale, logsumexp);
      drop(at, t, queries, length, p);
      output(at, t, queries, length, p);
      if (call.logsumexp() != null) {
        Staging.write(logsumexp, call.logsumexp(), t, queries, at.head(), 1);
      }
    }
  }

  final void backward(Place at) {
    AttentionKernel call = at.call();
    AttentionSpec spec = call.spec();
    Staging staging = at.staging();
    staging.array(LOGSUMEXP, width);
    begin(at);
    for (int t = 0; t < spec.queries(); t += width) {
      int queries = Math.min(width, spec.queries() - t);
      int length = spec.visible(at.b(), t + queries - 1);
      float[] p = scores(at, t, queries, length);
      float scale = shape(at, t, queries, length, p);
      mask(at, t, queries, length, p);
      float[] dScores = dProbabilities(at, t, queries, length);
      drop(at, t, queries, length, dScores);
      float[] logsumexp = staging.read(LOGSUMEXP, call.logsumexp(), t, queries, at.head(), 1);
      Softmax.backward(at.vectors(), p, dScores, width, length, queries, scale, logsumexp);
      if (spec.scores().isShaped()) {
        float[] slopes = staging.array(SLOPES, length * width);
        for (int i = 0; i < length * width; i++) {
          dScores[i] *= slopes[i];
        }
      }
      if (call.mask() != null) {
        float[] dropped = staging.array(DROPPED, length * width);
        System.arraycopy(p, 0, dropped, 0, length * width);
        drop(at, t, queries, length, dropped);
        p = dropped;
      }
      gradients(at, t, queries, length, p, dScores);
    }
    end(at);
  }

  private void mask(Place at, int t, int queries, int length, float[] p) {
    AttentionSpec spec = at.call().spec();
    Softmax.mask(p, width, length, spec.visible(at.b(), t));
    if (spec.scores().window() > 0) {
      Softmax.maskPast(p, width, queries, spec.first(t + queries - 1));
    }
  }

  /** Shapes a block's products where the model has that; returns what is still to be multiplied. */
  private float shape(Place at, int t, int queries, int length, float[] p) {
    if (!at.call().spec().scores().isShaped()) {
      return at.scale();
    }
    float[] slopes = at.staging().array(SLOPES, length * width);
    shape(at, t, queries, width, length, at.scale(), p, slopes);
    return 1;
  }

  /**
   * Products become scores.
   *
   * @param width floats of a key's row
   * @param scale what products are multiplied by
   * @param slopes of the scores by the products; null where nobody wants them
   */
  static void shape(
      Place at, int t, int queries, int width, int length, float scale, float[] p, float[] slopes) {
    AttentionSpec spec = at.call().spec();
    float cap = (float) spec.scores().cap();
    float fall = (float) spec.scores().slope(at.h(), spec.H());
    for (int s = 0; s < length; s++) {
      int distance = spec.keys() - spec.queries() + t - s; // of the first query
      for (int i = 0; i < queries; i++) {
        float score = p[s * width + i] * scale;
        float slope = scale;
        if (cap > 0) {
          float tanh = 1 - 2 / (VectorMath.exp(2 * score / cap) + 1);
          score = cap * tanh;
          slope *= 1 - tanh * tanh;
        }
        p[s * width + i] = score - fall * Math.abs(distance + i);
        if (slopes != null) {
          slopes[s * width + i] = slope;
        }
      }
    }
  }

  /** Multiplies probabilities, or their gradients, by what dropout keeps of them. */
  private void drop(Place at, int t, int queries, int length, float[] x) {
    DropoutMask mask = at.call().mask();
    AttentionSpec spec = at.call().spec();
    for (int i = 0; mask != null && i < queries; i++) {
      long row = ((long) at.head() * spec.queries() + t + i) * spec.keys();
      for (int s = 0; s < length; s++) {
        x[s * width + i] *= mask.factor(row + s);
      }
    }
  }
}
