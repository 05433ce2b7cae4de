package org.pygpt.vectors;

/**
 * Immutable: draws words by weight, in the same short time however many there are.
 *
 * @see <a href="https://doi.org/10.1109/32.92917">Vose 1991</a>
 */
final class Noise {
  private static final long UNIT = 1L << 31;

  /** For each slot 31 bits, the share of its own word, and the word that has the rest. */
  private final long[] slots;

  /** Weights are positive. */
  Noise(double[] weights) {
    int n = weights.length;
    double total = 0;
    for (double weight : weights) {
      total += weight;
    }
    slots = new long[n];
    double[] shares = new double[n]; // of a slot, 1 on average
    int[] order = new int[n]; // slots of less than 1 from the left, the others from the right
    int small = 0;
    int large = n;
    for (int i = 0; i < n; i++) {
      shares[i] = weights[i] * n / total;
      order[shares[i] < 1 ? small++ : --large] = i;
    }
    int next = 0;
    while (next < small && large < n) {
      int less = order[next++];
      int more = order[large];
      set(less, shares[less], more);
      shares[more] -= 1 - shares[less];
      if (shares[more] < 1) {
        order[small++] = more; // the place that it has left, or one that is free
        large++;
      }
    }
    for (; next < small; next++) {
      set(order[next], 1, order[next]);
    }
    for (; large < n; large++) {
      set(order[large], 1, order[large]);
    }
  }

  private void set(int slot, double share, int other) {
    slots[slot] = Math.round(share * UNIT) << 32 | other;
  }

  /** The word that 64 random bits stand for. */
  int word(long bits) {
    int slot = (int) ((bits >>> 32) * slots.length >>> 32);
    long entry = slots[slot];
    return (bits & UNIT - 1) < entry >>> 32 ? slot : (int) entry;
  }
}
