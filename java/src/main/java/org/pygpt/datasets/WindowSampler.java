package org.pygpt.datasets;

import java.math.BigInteger;
import org.pygpt.python.NumpyRandom;

/**
 * Mutable: rows of {@code blockSize} tokens that begin anywhere, each place as likely as another.
 * To evaluate, the tokens are cut into rows one after another, so that each is a target once, but
 * for the first.
 */
public final class WindowSampler extends Sampler {
  private final Tokens tokens;

  /**
   * The batches of tokens.
   *
   * @throws IllegalArgumentException if there are not more than {@code blockSize}
   */
  public WindowSampler(Tokens tokens, int blockSize, int batchSize, BigInteger seed) {
    super(blockSize, batchSize, seed);
    this.tokens = tokens;
    if (tokens.count() <= blockSize) {
      throw new IllegalArgumentException(
          "tokens: expected more than block_size = %d, got %d; take more text or a smaller"
                  .formatted(blockSize, tokens.count())
              + " block_size");
    }
  }

  @Override
  String kind() {
    return "windows";
  }

  @Override
  int size() {
    return Math.toIntExact((tokens.count() - 2) / blockSize + 1);
  }

  @Override
  public Batch next() {
    NumpyRandom random = new NumpyRandom(seed, taken++);
    Batch batch = Batch.blank(batchSize, blockSize);
    for (int row = 0; row < batchSize; row++) {
      fill(batch, row, random.below(tokens.count() - blockSize));
    }
    return batch;
  }

  @Override
  Filled fill(Units units) {
    Batch batch = Batch.blank(batchSize, blockSize);
    int rows = 0;
    while (rows < batchSize && units.get(rows) >= 0) {
      fill(batch, rows, (long) units.get(rows) * blockSize);
      rows++;
    }
    return new Filled(batch, rows);
  }

  private void fill(Batch batch, int row, long start) {
    int count = (int) Math.min(blockSize, tokens.count() - 1 - start);
    for (int i = 0, at = row * blockSize; i < count; i++, at++) {
      batch.ids()[at] = tokens.get(start + i);
      batch.targets()[at] = tokens.get(start + i + 1);
    }
  }
}
