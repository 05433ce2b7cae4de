package org.pygpt.generate;

import java.util.Arrays;

/**
 * Mutable: guesses what a sequence goes on with: what followed the last place where its last tokens
 * stood before. A step reads the guesses after the sequence's last token; as long as the model
 * chooses what was guessed, the row after it is what a step of its own would have been.
 *
 * <p>A step of several rows takes longer than one of a single row, so the number of guesses follows
 * what became of those before: all right, twice as many; some right, as many as those; none right,
 * none for some steps, twice as many each time, and then one.
 *
 * @see <a href="https://arxiv.org/abs/2304.04487">Yang et al. 2023, inference with reference</a>
 */
final class PromptLookup {
  /** Guesses at most: with the token before them, a step of few rows. */
  static final int MOST = 7;

  private static final int FIRST = 3;
  private static final int LEAST_ALIKE = 2; // tokens that have to be the same before a guess
  private static final int MOST_ALIKE = 4;
  private static final int LONGEST_REST = 32; // steps without guesses

  private int[] tokens;
  private int length;
  private int limit = FIRST;
  private int rest; // steps before the next guess
  private int nextRest = 1;

  /** For a sequence that begins with a prompt. */
  PromptLookup(int[] prompt) {
    tokens = prompt.clone();
    length = prompt.length;
  }

  /** Counts a token that was added to the sequence. */
  void add(int token) {
    if (length == tokens.length) {
      tokens = Arrays.copyOf(tokens, 2 * length);
    }
    tokens[length++] = token;
  }

  /** What may come next, at most {@code room} tokens; none if nothing like it was there. */
  int[] guess(int room) {
    if (rest > 0) {
      rest--;
      return new int[0];
    }
    int count = Math.min(limit, room);
    int begin = count > 0 ? mostAlike() : length;
    int[] guess = new int[begin < length ? count : 0];
    for (int i = 0; i < guess.length; i++) { // what repeats itself goes on with the guess
      int from = begin + i;
      guess[i] = from < length ? tokens[from] : guess[from - length];
    }
    return guess;
  }

  /** Index of the token after the last of the places that are most like the end. */
  private int mostAlike() {
    int best = length;
    int bestAlike = LEAST_ALIKE - 1;
    for (int end = length - 1; end > bestAlike && bestAlike < MOST_ALIKE; end--) {
      int alike = 0; // tokens before end that are the same as those before length
      while (alike < MOST_ALIKE
          && alike < end
          && tokens[end - 1 - alike] == tokens[length - 1 - alike]) {
        alike++;
      }
      if (alike > bestAlike) {
        best = end;
        bestAlike = alike;
      }
    }
    return best;
  }

  /** Learns how many of the guesses were right. */
  void learn(int guessed, int right) {
    if (right == 0) {
      limit = 1;
      rest = nextRest;
      nextRest = Math.min(2 * nextRest, LONGEST_REST);
    } else {
      limit = Math.min(right == guessed ? 2 * right + 1 : right, MOST);
      nextRest = 1;
    }
  }
}
