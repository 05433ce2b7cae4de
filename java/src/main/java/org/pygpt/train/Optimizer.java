package org.pygpt.train;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.pygpt.kernels.AdamStep;
import org.pygpt.kernels.CounterHash;
import org.pygpt.kernels.Kernels;
import org.pygpt.model.Layout;
import org.pygpt.model.Parameters;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.Memory;

/** Mutable: AdamW on a shard of the trained weights; owns the moments of that shard alone. */
final class Optimizer implements AutoCloseable {
  /** Weights that are moved at once where their change is wanted. */
  private static final long CHUNK = 1 << 20;

  private final Kernels kernels;
  private final AdamW options;
  private final Parameters weights;
  private final Parameters gradients;
  private final Parameters m; // null where only a shard is held
  private final Parameters v;
  private final Flat first;
  private final Flat second;
  private final long from; // of the shard, among the gradients
  private final long to;
  private final List<Range> ranges;
  private final List<Range> own; // of the shard

  /**
   * Weights that lie together and their weight decay.
   *
   * @param from first element, of the weights
   * @param state the same one's place among the gradients
   */
  private record Range(long from, long state, long length, double decay) {
    /** What of it lies in [first, end) of the gradients; its length may not be positive. */
    Range within(long first, long end) {
      long begin = Math.max(state, first);
      return new Range(from + begin - state, begin, Math.min(state + length, end) - begin, decay);
    }

    /** Its elements, of the weights. */
    Flat weights(Parameters all) {
      return all.flat().part(from, length);
    }

    /** Its elements, of the gradients. */
    Flat gradients(Parameters all) {
      return all.flat().part(state, length);
    }
  }

  Optimizer(
      Kernels kernels,
      AdamW options,
      Parameters weights,
      Parameters gradients,
      Layout layout,
      Shard shard) {
    this.kernels = kernels;
    this.options = options;
    this.weights = weights;
    this.gradients = gradients;
    long length = gradients.flat().length();
    from = shard.from(length);
    to = shard.to(length);
    ranges = ranges(layout);
    own = ranges(from, to);
    DType moments = options.momentsOf(weights.dtype());
    if (shard.size() == 1) {
      m = gradients.zeros(kernels.device(), moments);
      v = gradients.zeros(kernels.device(), moments);
      first = m.flat();
      second = v.flat();
    } else {
      m = null;
      v = null;
      first = zeros(moments);
      second = zeros(moments);
    }
  }

  private Flat zeros(DType dtype) {
    long line = Memory.ALIGNMENT_BYTES / dtype.bytes(); // no memory is empty
    Memory memory = kernels.device().allocate(dtype, Math.max(line, to - from));
    return new Flat(memory, dtype, 0, to - from);
  }

  /** What AdamW moves: as few ranges as there can be, in the order of the flat arrays. */
  private List<Range> ranges(Layout layout) {
    List<Layout.Weight> byOffset = new ArrayList<>(layout.weights());
    byOffset.sort(Comparator.comparingLong(weight -> weights.get(weight.name()).offset()));
    List<Range> found = new ArrayList<>();
    boolean joins = false; // whether the weight before this one is in the last range
    for (Layout.Weight weight : byOffset) {
      boolean moves = weight.trainable() && !(options.muon() && Muon.moves(weight));
      if (moves) {
        long start = weights.get(weight.name()).offset();
        long state = gradients.get(weight.name()).offset();
        double decay = weight.decays() ? options.weightDecay() : 0;
        long end = start + weight.size();
        if (joins && found.getLast().decay == decay) {
          Range last = found.removeLast();
          start = last.from;
          state = last.state;
        }
        found.add(new Range(start, state, end - start, decay));
      }
      joins = moves;
    }
    return found;
  }

  /** The ranges, as far as they lie in [first, end) of the gradients. */
  private List<Range> ranges(long first, long end) {
    List<Range> found = new ArrayList<>(); // streams would take a tenth of a short run to compile
    for (Range range : ranges) {
      Range part = range.within(first, end);
      if (part.length > 0) {
        found.add(part);
      }
    }
    return found;
  }

  /** Bytes of the moments of a shard of so many elements. */
  static long bytes(long length, Shard shard, int itemBytes) {
    return 2 * (shard.to(length) - shard.from(length)) * itemBytes;
  }

  /** Moves the shard's weights by its gradients times {@code scale}; {@code updates} counts it. */
  void update(double learningRate, long updates, double scale) {
    for (Range range : own) {
      move(range, learningRate, updates, scale);
    }
  }

  private void move(Range range, double learningRate, long updates, double scale) {
    AdamStep step =
        new AdamStep(
            learningRate,
            options.beta1(),
            options.beta2(),
            options.epsilon(),
            range.decay,
            1 / (1 - Math.pow(options.beta1(), updates)),
            1 / (1 - Math.pow(options.beta2(), updates)),
            scale,
            CounterHash.key(updates),
            range.state);
    kernels.adamW(
        step,
        range.weights(weights),
        range.gradients(gradients),
        first.part(range.state - from, range.length),
        second.part(range.state - from, range.length));
  }

  /**
   * Moves the shard's weights likewise, and leaves among the gradients what others need: the new
   * weights or, rounded to bfloat16, by how much they moved, which is then how much they do move.
   */
  void updateAndSend(double learningRate, long updates, double scale, boolean rounded) {
    if (!rounded) {
      update(learningRate, updates, scale);
      own.forEach(range -> copy(range.weights(weights), range.gradients(gradients)));
      return;
    }
    try (Memory before = kernels.device().allocate(weights.dtype(), CHUNK)) {
      for (long start = from; start < to; start += CHUNK) {
        for (Range range : ranges(start, Math.min(to, start + CHUNK))) {
          Flat moved = range.weights(weights);
          Flat change = range.gradients(gradients);
          Flat old = new Flat(before, weights.dtype(), 0, range.length);
          copy(moved, old);
          move(range, learningRate, updates, scale);
          copy(moved, change);
          kernels.addScaled(-1, old, change, true, true);
          copy(old, moved);
          kernels.addScaled(1, change, moved, true, false);
        }
      }
    }
  }

  /** Takes what other workers left among the gradients, see {@link #updateAndSend}. */
  void receive(boolean rounded) {
    long length = gradients.flat().length();
    for (List<Range> others : List.of(ranges(0, from), ranges(to, length))) {
      for (Range range : others) {
        Flat sent = range.gradients(gradients);
        kernels.addScaled(1, sent, range.weights(weights), rounded, false);
      }
    }
  }

  private void copy(Flat source, Flat target) {
    kernels.addScaled(1, source, target, false, false);
  }

  /** The sums of squares of the blocks of the shard, of the gradients as they are. */
  double[] squares() {
    long length = gradients.flat().length();
    long block = Shard.block(length);
    double[] sums = new double[Math.toIntExact(Math.ceilDiv(to - from, block))];
    for (int i = 0; i < sums.length; i++) {
      long start = from + i * block;
      sums[i] = kernels.sumOfSquares(gradients.flat().part(start, Math.min(block, to - start)));
    }
    return sums;
  }

  /** First moments by name; of all trained weights. */
  Parameters firstMoments() {
    return whole(m);
  }

  /** Second moments by name; of all trained weights. */
  Parameters secondMoments() {
    return whole(v);
  }

  private Parameters whole(Parameters moments) {
    if (moments == null) {
      throw new IllegalStateException("moments: expected those of all weights, got a shard's");
    }
    return moments;
  }

  /** First moments of the shard. */
  Flat first() {
    return first;
  }

  /** Second moments of the shard. */
  Flat second() {
    return second;
  }

  @Override
  public void close() {
    second.memory().close();
    first.memory().close();
  }
}
