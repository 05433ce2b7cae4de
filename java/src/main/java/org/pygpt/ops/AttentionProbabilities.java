package org.pygpt.ops;

import java.util.ArrayList;
import java.util.List;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
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
  private final Attention.Source source;
  private final int H;
  private final int kvHeads;
  private final boolean causal;
  private final ScoreSpec scores;
  private final Slot units;
  private final Slot mixed;
  private final Slot probabilities;
  private Heads heads;

  /**
   * Binds the op.
   *
   * @param source what attention reads, S keys for T queries
   * @param causal whether a query sees no later key
   * @param units (2 S, kvHeads * D), persistent: row S + d of each head is unit vector d, others
   *     are 0; filled here, and may be shared by all layers of so many keys
   * @param mixed (T, H * D), for the means
   * @param probabilities (H * T, S): row h * T + t is how query t of head h weighs the keys
   */
  public AttentionProbabilities(
      Attention.Source source,
      int H,
      int kvHeads,
      boolean causal,
      ScoreSpec scores,
      Slot units,
      Slot mixed,
      Slot probabilities) {
    this.source = source;
    this.H = H;
    this.kvHeads = kvHeads;
    this.causal = causal;
    this.scores = scores;
    this.units = units;
    this.mixed = mixed;
    this.probabilities = probabilities;
  }

  @Override
  public List<Slot> forwardSlots() {
    List<Slot> slots = new ArrayList<>(List.of(units, mixed, probabilities));
    source.inputs().forEach(input -> slots.add(input.valueSlot()));
    return slots;
  }

  @Override
  public void bind() {
    heads = source.heads(false, H, kvHeads);
    int D = mixed.columns() / H;
    int S = units.rows() / 2;
    for (int d = 0; d < Math.min(D, S); d++) {
      double[] row = new double[kvHeads * D];
      for (int g = 0; g < kvHeads; g++) {
        row[g * D + d] = 1;
      }
      units.tensor().writeRow(S + d, row);
    }
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    int T = step.T();
    int S = source.keys(step);
    int D = mixed.columns() / H;
    AttentionSpec spec = new AttentionSpec(1, T, S, H, kvHeads, causal, scores);
    for (int first = 0; first < S; first += D) {
      int keys = Math.min(D, S - first);
      Tensor values = units.tensor().rows(units.rows() / 2 - first, S); // key first + d is unit d
      Tensor means = mixed.tensor();
      kernels.attention(spec, new Heads(heads.q(), heads.k(), values), null, means, null);
      for (int h = 0; h < H; h++) {
        Tensor target = probabilities.tensor().columns(first, keys);
        kernels.copy(T, means.columns(h * D, keys), target, h * T);
      }
    }
  }

  @Override
  public String describe() {
    return "probabilities of attention  " + H + " heads";
  }
}
