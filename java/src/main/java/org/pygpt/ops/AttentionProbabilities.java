package org.pygpt.ops;

import java.util.List;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.AttentionSpec;
import org.pygpt.kernels.Heads;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.ScoreSpec;
import org.pygpt.tensor.Tensor;

/**
 * The probabilities of one layer's attention, for those who want to look at them: the model itself
 * never has them in memory. For one sequence, forward only.
 *
 * <p>Attention returns means of its values, weighted by the probabilities. Where the values are
 * unit vectors, the mean is the probabilities: so the kernel that the model runs is asked for them,
 * D keys at a time.
 */
public final class AttentionProbabilities implements Op {
  private final Variable qkv;
  private final int H;
  private final int kvHeads;
  private final ScoreSpec scores;
  private final Slot units;
  private final Slot mixed;
  private final Slot probabilities;
  private Heads heads;

  /**
   * Binds the op.
   *
   * @param qkv as attention reads it
   * @param units (2 T, kvHeads * D), persistent: row T + d of each head is unit vector d, others
   *     are 0; filled here, and may be shared by all layers
   * @param mixed (T, H * D), for the means
   * @param probabilities (H * T, T): row h * T + t is how query t of head h weighs the keys
   */
  public AttentionProbabilities(
      Variable qkv,
      int H,
      int kvHeads,
      ScoreSpec scores,
      Slot units,
      Slot mixed,
      Slot probabilities) {
    this.qkv = qkv;
    this.H = H;
    this.kvHeads = kvHeads;
    this.scores = scores;
    this.units = units;
    this.mixed = mixed;
    this.probabilities = probabilities;
  }

  @Override
  public List<Slot> forwardSlots() {
    return List.of(qkv.valueSlot(), units, mixed, probabilities);
  }

  @Override
  public void bind() {
    heads = Heads.packed(qkv.value(), H, kvHeads);
    int D = mixed.columns() / H;
    for (int d = 0; d < Math.min(D, mixed.rows()); d++) {
      double[] row = new double[kvHeads * D];
      for (int g = 0; g < kvHeads; g++) {
        row[g * D + d] = 1;
      }
      units.tensor().writeRow(mixed.rows() + d, row);
    }
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    int T = step.T();
    int D = mixed.columns() / H;
    for (int first = 0; first < T; first += D) {
      int keys = Math.min(D, T - first);
      Tensor values = units.tensor().rows(mixed.rows() - first, T); // key first + d is unit d
      Tensor means = mixed.tensor();
      AttentionSpec spec = new AttentionSpec(1, T, T, H, kvHeads, true, scores);
      kernels.attention(spec, new Heads(heads.q(), heads.k(), values), null, means, null);
      for (int h = 0; h < H; h++) {
        Tensor target = probabilities.tensor().columns(first, keys);
        kernels.copy(T, means.columns(h * D, keys), target, h * probabilities.columns());
      }
    }
  }

  @Override
  public String describe() {
    return "probabilities of attention  " + H + " heads";
  }
}
