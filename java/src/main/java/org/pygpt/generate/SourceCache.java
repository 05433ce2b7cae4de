package org.pygpt.generate;

import java.util.Arrays;
import org.pygpt.graph.Step;
import org.pygpt.kernels.Kernels;
import org.pygpt.model.EncoderDecoder;
import org.pygpt.model.EncoderDecoderConfig;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: keys and values of one target's positions in every layer of the decoder, and a view of
 * those of its source.
 */
final class SourceCache implements Step.SourcePast, AutoCloseable {
  private final Memory memory;
  private final Tensor[] keys; // of each layer, (positions, C)
  private final Tensor[] values;
  private Source source;
  private int length;

  /** Mutable: keys and values of a source for each layer of the decoder; many targets share it. */
  static final class Source implements AutoCloseable {
    private final Memory memory;
    private final Tensor[] both; // of each layer, (positions, 2 C)
    private int length;

    /** Room for the longest source. */
    Source(EncoderDecoder model) {
      EncoderDecoderConfig config = model.config();
      int width = 2 * config.nEmbd();
      int most = config.sourceBlockSize();
      DType dtype = model.dtype();
      long size = (long) most * width;
      memory = model.kernels().device().allocate(dtype, config.nDecoderLayer() * size);
      both = new Tensor[config.nDecoderLayer()];
      Arrays.setAll(both, i -> Tensor.of(memory, dtype, i * size, most, width));
    }

    /** Becomes a source of so many positions, whose keys and values {@link #layer} is to have. */
    void setLength(int length) {
      this.length = length;
    }

    /** Keys beside values for a layer, (positions, 2 C), shared. */
    Tensor layer(int layer) {
      return both[layer].rows(0, length);
    }

    @Override
    public void close() {
      memory.close();
    }
  }

  /** Allocates room for the longest target. */
  SourceCache(EncoderDecoder model) {
    EncoderDecoderConfig config = model.config();
    int width = config.nEmbd();
    int most = config.targetBlockSize();
    DType dtype = model.dtype();
    long size = (long) most * width;
    memory = model.kernels().device().allocate(dtype, 2 * config.nDecoderLayer() * size);
    keys = new Tensor[config.nDecoderLayer()];
    values = new Tensor[config.nDecoderLayer()];
    Arrays.setAll(keys, i -> Tensor.of(memory, dtype, 2 * i * size, most, width));
    Arrays.setAll(values, i -> Tensor.of(memory, dtype, (2 * i + 1) * size, most, width));
  }

  /** Becomes an empty target of a source. */
  void begin(Source source) {
    this.source = source;
    length = 0;
  }

  /** Becomes what another one is. */
  void copy(SourceCache from, Kernels kernels) {
    source = from.source;
    length = from.length;
    for (int layer = 0; length > 0 && layer < keys.length; layer++) {
      kernels.copy(length, from.keys[layer], keys[layer], 0);
      kernels.copy(length, from.values[layer], values[layer], 0);
    }
  }

  /** Counts the position that the model has just read. */
  void add() {
    length++;
  }

  @Override
  public int length() {
    return length;
  }

  @Override
  public Tensor keys(int layer) {
    return keys[layer];
  }

  @Override
  public Tensor values(int layer) {
    return values[layer];
  }

  @Override
  public Tensor sourceKeys(int layer) {
    Tensor both = source.layer(layer);
    return both.columns(0, both.columns() / 2);
  }

  @Override
  public Tensor sourceValues(int layer) {
    Tensor both = source.layer(layer);
    return both.columns(both.columns() / 2, both.columns() / 2);
  }

  @Override
  public void close() {
    memory.close();
  }
}
