package org.pygpt.model;

import java.util.Set;
import org.pygpt.graph.Step;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: a model opened for looking: one forward pass over T tokens of which everything is kept,
 * and in which heads, attentions and MLPs can be switched off. Its numbers are those of {@link
 * GPT#evaluation}, to the bit, as long as all scales are 1. For one thread at a time; training and
 * generation know nothing of it.
 *
 * <p>Names of what is kept, each (T, columns): {@code embedding}; of layer l {@code h.l.norm_1}
 * (what attention reads), {@code h.l.qkv} (as attention has them: after norms and rotation), {@code
 * h.l.probabilities} (H * T, T), {@code h.l.heads} (what the heads have read, side by side), {@code
 * h.l.attention} (what is added to the stream), {@code h.l.stream_1} (the stream after it), {@code
 * h.l.norm_2}, {@code h.l.hidden} (before the activation), {@code h.l.active}, {@code h.l.mlp},
 * {@code h.l.stream_2}; {@code final} (what the output matrix reads).
 */
public final class Probe implements AutoCloseable {
  private final GPT model;
  private final int T;
  private final Session session;
  private final Taps taps;
  private Session lens; // null until there is a first look through it
  private int lensRows;

  Probe(GPT model, int T, int first, int end) {
    this.model = model;
    this.T = T;
    this.taps = new Taps(model.config(), first, end);
    Decoder.Trained nothing = Decoder.Trained.nothing(model.dtype());
    this.session = model.session(1, T, T, Decoder.Purpose.PROBE, nothing, taps);
  }

  /** What runs forward; its logits are those of every position. */
  public Session session() {
    return session;
  }

  /**
   * Sets what parts of the model count for, from the next forward on.
   *
   * @param scales of each layer: of its heads, of its attention, of its MLP; 1 as it is, 0 as if it
   *     were not there
   * @throws IllegalArgumentException if there are more or fewer
   */
  public void setScales(double[] scales) {
    double[] own = taps.scales();
    if (scales.length != own.length) {
      throw new IllegalArgumentException(
          "scales: expected " + own.length + ", got " + scales.length);
    }
    System.arraycopy(scales, 0, own, 0, own.length);
  }

  /** What can be asked for. */
  public Set<String> names() {
    return taps.names();
  }

  /**
   * What the last forward made, shared until the next one.
   *
   * @throws IllegalArgumentException if nothing of this name is kept
   */
  public Tensor get(String name) {
    return taps.require(name);
  }

  /**
   * The logits that the model would give if a part of its stream were the last: the final norm and
   * the output matrix on it. Of the last layer's {@code stream_2}, from position 0 on, they are the
   * model's, to the bit.
   *
   * @param name of something with the columns of the stream
   * @param first the position to begin with
   * @return (T - first, V), shared until the next call
   */
  public Tensor lens(String name, int first) {
    int rows = T - first;
    Tensor stream = get(name).rows(first, rows);
    try (var _ = model.turn()) {
      if (lens == null || lensRows != rows) {
        closeLens();
        Taps of = new Taps(model.config(), 0, 0);
        Decoder.Trained nothing = Decoder.Trained.nothing(model.dtype());
        lens = model.session(1, rows, rows, Decoder.Purpose.LENS, nothing, of);
        lensRows = rows;
      }
      model.kernels().copy(rows, stream, lens.taps().require("stream"), 0);
      lens.tape().forward(Step.forward(1, rows));
      return lens.logits();
    }
  }

  private void closeLens() {
    if (lens != null) {
      lens.close();
      lens = null;
    }
  }

  /** Size in bytes of what is held, but for the weights. */
  public long byteSize() {
    return session.tape().byteSize() + (lens == null ? 0 : lens.tape().byteSize());
  }

  @Override
  public void close() {
    session.close();
    closeLens();
  }
}
