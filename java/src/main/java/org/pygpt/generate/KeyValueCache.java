package org.pygpt.generate;

import java.util.Arrays;
import org.pygpt.graph.Step;
import org.pygpt.kernels.Int8Heads;
import org.pygpt.kernels.Kernels;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.SpareMemory;
import org.pygpt.tensor.Tensor;

/** Mutable: keys and values of one sequence's positions in every layer, and its tokens there. */
public final class KeyValueCache implements Step.Past, AutoCloseable {
  private final SpareMemory lender;
  private final Memory memory; // may be larger than this is
  private final long byteSize;
  private final Tensor[] keys; // of each layer, (positions, kvHeads * D), or as Int8Heads
  private final Tensor[] values; // likewise
  private final int[] tokens;
  private int length;
  private boolean expired;

  /** Takes room for {@code positions} tokens of the model's memory for that, with none in it. */
  public KeyValueCache(GPT model, int positions) {
    GPTConfig config = model.config();
    DType dtype = model.cacheDType();
    int head = config.headSize();
    int width = config.nKvHead() * (dtype == DType.INT8 ? Int8Heads.bytes(head) : head);
    long size = (long) positions * width; // of one layer's keys
    byteSize = Math.multiplyExact(2 * config.nLayer() * size, dtype.bytes());
    lender = model.cacheMemory();
    memory = lender.take(byteSize);
    keys = new Tensor[config.nLayer()];
    values = new Tensor[config.nLayer()];
    Arrays.setAll(keys, layer -> Tensor.of(memory, dtype, 2 * layer * size, positions, width));
    Arrays.setAll(
        values, layer -> Tensor.of(memory, dtype, (2 * layer + 1) * size, positions, width));
    tokens = new int[positions];
  }

  @Override
  public int length() {
    return length;
  }

  /**
   * What the row {@code count} rows further on in the same step has behind it: this, and the
   * positions that those rows write here before it is attended to.
   */
  Step.Past ahead(int count) {
    return count == 0 ? this : new Ahead(this, count);
  }

  private record Ahead(KeyValueCache cache, int count) implements Step.Past {
    @Override
    public int length() {
      return cache.length + count;
    }

    @Override
    public Tensor keys(int layer) {
      return cache.keys[layer];
    }

    @Override
    public Tensor values(int layer) {
      return cache.values[layer];
    }
  }

  @Override
  public Tensor keys(int layer) {
    return keys[layer];
  }

  @Override
  public Tensor values(int layer) {
    return values[layer];
  }

  /** Most positions. */
  int capacity() {
    return tokens.length;
  }

  long byteSize() {
    return byteSize;
  }

  /** Counts {@code count} of {@code from}, which the model has just read, as part of the past. */
  public void add(int[] from, int start, int count) {
    System.arraycopy(from, start, tokens, length, count);
    length += count;
  }

  /** Keeps the first {@code count} positions alone. */
  void truncate(int count) {
    length = Math.min(length, count);
    expired &= length > 0;
  }

  /** Lets what it holds serve no other sequence: other weights gave it. */
  void expire() {
    expired = true;
  }

  boolean expired() {
    return expired;
  }

  /** How many positions at its beginning can serve a sequence of these tokens. */
  int common(int[] sequence) {
    int end = expired ? 0 : Math.min(length, sequence.length);
    int first = Arrays.mismatch(tokens, 0, end, sequence, 0, end);
    return first < 0 ? end : first;
  }

  /** Becomes the first {@code count} positions of another cache. */
  void copy(KeyValueCache from, int count, Kernels kernels) {
    for (int layer = 0; layer < keys.length; layer++) {
      kernels.copy(count, from.keys[layer], keys[layer], 0);
      kernels.copy(count, from.values[layer], values[layer], 0);
    }
    length = 0;
    expired = from.expired;
    add(from.tokens, 0, count);
  }

  @Override
  public void close() {
    lender.giveBack(memory);
  }
}
