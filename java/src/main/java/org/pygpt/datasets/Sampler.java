package org.pygpt.datasets;

import java.math.BigInteger;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.pygpt.python.NumpyRandom;
import org.pygpt.text.Json;

/**
 * Mutable: an endless row of batches, in an order that a seed decides; the same as Python's.
 *
 * <p>It counts the units that it has given out, and a batch depends on nothing but that count and
 * what does not change: so the count is all there is to save.
 */
public abstract class Sampler {
  final int blockSize;
  final int batchSize;
  final BigInteger seed;
  long taken;

  Sampler(int blockSize, int batchSize, BigInteger seed) {
    this.blockSize = blockSize;
    this.batchSize = batchSize;
    this.seed = seed;
  }

  /** What the state calls this kind. */
  abstract String kind();

  /** Number of units. */
  abstract int size();

  /** The next batch; its arrays are new. */
  public abstract Batch next();

  /** A batch of the first of the units from a place on, and how many of them it has. */
  abstract Filled fill(Units units);

  /** A batch with the number of units in it. */
  record Filled(Batch batch, int used) {}

  /** Units in order; -1 after the last. */
  interface Units {
    int get(int index);
  }

  /**
   * Gives the batches to evaluate with: the same each time, whatever the seed and the state.
   *
   * @param count how many, at most, of units from all over the data; 0 for all of the data, in
   *     order
   */
  public void forEvaluation(int count, Consumer<Batch> each) {
    int[] order =
        count == 0
            ? IntStream.range(0, size()).toArray()
            : new NumpyRandom(BigInteger.ZERO, 0).permutation(size());
    int used = 0;
    for (int made = 0; used < order.length && (count == 0 || made < count); made++) {
      int first = used;
      Filled filled = fill(i -> first + i < order.length ? order[first + i] : -1);
      each.accept(filled.batch);
      used += filled.used;
    }
  }

  /** Where the sampler is, as values that JSON can hold. */
  public Map<String, Object> state() {
    Map<String, Object> state = new LinkedHashMap<>();
    state.put("sampler", kind());
    state.put("size", BigInteger.valueOf(size()));
    state.put("block_size", BigInteger.valueOf(blockSize));
    state.put("batch_size", BigInteger.valueOf(batchSize));
    state.put("seed", seed);
    state.put("taken", BigInteger.valueOf(taken));
    return state;
  }

  /**
   * Goes to where another sampler of the same data was: the next batch is its next one.
   *
   * @throws IllegalArgumentException if the state is of another kind, or of other data, sizes or
   *     seed
   */
  public void restore(Map<?, ?> state) {
    state()
        .forEach((name, expected) -> {
          if (!name.equals("taken") && !expected.equals(state.get(name))) {
            throw new IllegalArgumentException(
                "sampler state: %s: expected %s, got %s; go on with what the run began with"
                    .formatted(name, Json.write(expected), Json.write(state.get(name))));
          }
        });
    if (!(state.get("taken") instanceof BigInteger count) || count.signum() < 0) {
      throw new IllegalArgumentException(
          "sampler state: taken: expected a count, got " + Json.write(state.get("taken")));
    }
    taken = count.longValueExact();
  }
}
