package org.pygpt.generate;

import java.util.List;
import org.pygpt.kernels.Kernels;
import org.pygpt.tensor.Tensor;

/**
 * Mutable (its samplers): adds tokens to sequences by the logits of a step, at once where each has
 * random numbers of its own.
 */
final class Choosing {
  private final Kernels kernels;
  private final int V;
  private final TokenSampler[] samplers; // one a worker, made when it is first needed

  /** For logits of {@code V} tokens that {@code kernels} compute. */
  Choosing(Kernels kernels, int V) {
    this.kernels = kernels;
    this.V = V;
    samplers = new TokenSampler[kernels.workers()];
  }

  /** Adds the token that a row of logits gives to a sequence whose prompt has been read. */
  void first(Sequence sequence, Tensor logits, int row) {
    sequence.add(sampler(0), logits, row);
  }

  /**
   * Adds to each sequence what the logits of its rows give, and to its cache what it then keeps of
   * what was read.
   *
   * @param guesses for each sequence, read after its last token, a row each
   * @param ids of all rows
   */
  void next(List<Sequence> sequences, List<int[]> guesses, int[] ids, Tensor logits) {
    int[] rows = new int[sequences.size()]; // the first of each
    for (int i = 1; i < rows.length; i++) {
      rows[i] = rows[i - 1] + 1 + guesses.get(i - 1).length;
    }
    Kernels.Piece piece =
        (worker, i) -> {
          Sequence sequence = sequences.get(i);
          int added = sequence.add(sampler(worker), logits, rows[i], guesses.get(i));
          sequence.cache().add(ids, rows[i], added);
        };
    if (haveOwnNumbers(sequences)) {
      kernels.divide(rows.length, V, piece);
    } else { // they take turns
      for (int i = 0; i < rows.length; i++) {
        piece.run(0, i);
      }
    }
  }

  private TokenSampler sampler(int worker) {
    if (samplers[worker] == null) {
      samplers[worker] = new TokenSampler(V);
    }
    return samplers[worker];
  }

  /** Whether no two sequences draw from the same random numbers. */
  private static boolean haveOwnNumbers(List<Sequence> sequences) {
    List<Request> random =
        sequences.stream().map(Sequence::request).filter(r -> r.sampling().isRandom()).toList();
    return random.stream().map(Request::uniforms).distinct().count() == random.size();
  }
}
