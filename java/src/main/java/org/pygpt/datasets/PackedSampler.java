package org.pygpt.datasets;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.pygpt.python.NumpyRandom;

/**
 * Mutable: rows of whole documents, each from its BOS to the token that ends it, as many as fit.
 *
 * <p>Every document comes once in an epoch, in an order that the seed and the number of the epoch
 * decide; a batch takes documents until one fits in none of its rows, and may end one epoch and
 * begin the next. A document that is longer than a row is cut into parts of {@code blockSize} and a
 * rest, which go their own ways.
 */
public final class PackedSampler extends Sampler {
  private final Tokens tokens;
  private final long[] starts;
  private final int[] lengths;
  private final int shortest;
  private final int cut;
  private long epoch = -1;
  private int[] order; // of the spans in the newest epoch

  /**
   * The batches of tokens.
   *
   * @param begin the id before each document
   * @param end the id after each; the same one stands between two documents
   * @throws IllegalArgumentException if the tokens do not begin and end so, or have nothing in
   *     between
   */
  public PackedSampler(
      Tokens tokens,
      OptionalInt begin,
      OptionalInt end,
      int blockSize,
      int batchSize,
      BigInteger seed) {
    super(blockSize, batchSize, seed);
    this.tokens = tokens;
    List<long[]> documents = documents(tokens, begin, end); // place and length of each
    LongStream.Builder places = LongStream.builder();
    IntStream.Builder sizes = IntStream.builder();
    int longer = 0;
    for (long[] document : documents) {
      for (long from = 0; from < document[1]; from += blockSize) {
        places.add(document[0] + from);
        sizes.add((int) Math.min(blockSize, document[1] - from));
      }
      longer += document[1] > blockSize ? 1 : 0;
    }
    starts = places.build().toArray();
    lengths = sizes.build().toArray();
    shortest = Arrays.stream(lengths).min().getAsInt();
    cut = longer;
  }

  private static List<long[]> documents(Tokens tokens, OptionalInt begin, OptionalInt end) {
    long[] begins = begin.isPresent() ? places(tokens, begin.getAsInt()) : new long[0];
    boolean isOne = begin.equals(end);
    long[] ends =
        isOne
            ? Arrays.copyOfRange(begins, Math.min(1, begins.length), begins.length)
            : end.isPresent() ? places(tokens, end.getAsInt()) : new long[0];
    int count = ends.length;
    boolean holds =
        count > 0
            && begins.length == count + (isOne ? 1 : 0)
            && begins[0] == 0
            && ends[count - 1] == tokens.count() - 1;
    List<long[]> documents = new ArrayList<>();
    for (int i = 0; holds && i < count; i++) {
      holds = ends[i] > begins[i] && (isOne || i == 0 || begins[i] == ends[i - 1] + 1);
      documents.add(new long[] {begins[i], ends[i] - begins[i]});
    }
    if (!holds) {
      throw new IllegalArgumentException(
          isOne || begin.isEmpty()
              ? "tokens: expected documents with BOS at both ends, got one text"
              : "tokens: expected documents, each with BOS before and EOS after it, got one text");
    }
    return documents;
  }

  private static long[] places(Tokens tokens, int id) {
    return LongStream.range(0, tokens.count()).filter(i -> tokens.get(i) == id).toArray();
  }

  /** How many documents are longer than a row. */
  public int cut() {
    return cut;
  }

  @Override
  String kind() {
    return "packed";
  }

  @Override
  int size() {
    return starts.length;
  }

  @Override
  public Batch next() {
    Filled filled = fill(this::upcoming);
    taken += filled.used();
    return filled.batch();
  }

  private int upcoming(int index) {
    long unit = taken + index;
    if (epoch != unit / size()) {
      epoch = unit / size();
      order = new NumpyRandom(seed, epoch).permutation(size());
    }
    return order[(int) (unit % size())];
  }

  @Override
  Filled fill(Units units) {
    Batch batch = Batch.blank(batchSize, blockSize);
    int[] free = new int[batchSize];
    Arrays.fill(free, blockSize);
    List<Integer> open = new ArrayList<>(IntStream.range(0, batchSize).boxed().toList());
    int used = 0;
    for (int span = units.get(0); span >= 0; span = units.get(used)) {
      int length = lengths[span];
      Integer row = open.stream().filter(r -> free[r] >= length).findFirst().orElse(null);
      if (row == null) {
        break;
      }
      int to = (row + 1) * blockSize - free[row];
      for (int i = 0; i < length; i++) {
        batch.ids()[to + i] = tokens.get(starts[span] + i);
        batch.targets()[to + i] = tokens.get(starts[span] + i + 1);
      }
      free[row] -= length;
      if (free[row] < shortest) {
        open.remove(row);
      }
      used++;
    }
    return new Filled(batch, used);
  }
}
