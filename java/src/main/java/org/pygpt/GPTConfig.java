package org.pygpt;

/**
 * Immutable: the sizes of a model. Field names are those of Python's {@code pygpt.GPTConfig}.
 *
 * @param blockSize longest context, in tokens
 * @param vocabSize number of token ids
 * @param nLayer transformer blocks
 * @param nHead attention heads of each block; divides nEmbd
 * @param nEmbd width of the residual stream
 */
public record GPTConfig(int blockSize, int vocabSize, int nLayer, int nHead, int nEmbd) {
  /** Width of the feed-forward layer over the width of the residual stream. */
  public static final int FEED_FORWARD_FACTOR = 4;

  /**
   * Checks the sizes.
   *
   * @throws IllegalArgumentException if one is not positive, or nEmbd is no multiple of nHead
   */
  public GPTConfig {
    requirePositive("block_size", blockSize);
    requirePositive("vocab_size", vocabSize);
    requirePositive("n_layer", nLayer);
    requirePositive("n_head", nHead);
    requirePositive("n_embd", nEmbd);
    if (nEmbd % nHead != 0) {
      throw new IllegalArgumentException(
          "n_embd: expected a multiple of n_head = " + nHead + ", got " + nEmbd);
    }
  }

  /** The sizes of a model of microgpt's architecture. */
  public static GPTConfig microgpt(int blockSize, int vocabSize, int nLayer, int nHead, int nEmbd) {
    return new GPTConfig(blockSize, vocabSize, nLayer, nHead, nEmbd);
  }

  private static void requirePositive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + ": expected at least 1, got " + value);
    }
  }
}
