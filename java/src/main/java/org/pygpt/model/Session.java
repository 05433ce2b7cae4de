package org.pygpt.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Tape;
import org.pygpt.graph.Variable;
import org.pygpt.ops.Loss;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;

/** Mutable: a tape with the memory that it reads its tokens from. */
public final class Session implements AutoCloseable {
  private final Tape tape;
  private final Memory tokens;
  private final Tensor ids;
  private final Tensor targets;
  private final Variable logits;
  private final Loss loss;
  private final List<Slot> probabilities;

  Session(Tape tape, Memory tokens, Variable logits, Loss loss, List<Slot> probabilities) {
    int rows = Math.toIntExact(tokens.length() / 2);
    this.tape = tape;
    this.tokens = tokens;
    this.ids = Tensor.of(tokens, 0, rows, 1);
    this.targets = Tensor.of(tokens, rows, rows, 1);
    this.logits = logits;
    this.loss = loss;
    this.probabilities = probabilities;
  }

  public Tape tape() {
    return tape;
  }

  /** Token ids, int32 (B * T, 1), to be written before a step. */
  public Tensor ids() {
    return ids;
  }

  /** Targets, int32 (B * T, 1), to be written before a step; a negative one is not scored. */
  public Tensor targets() {
    return targets;
  }

  /**
   * Logits (B * T, V) after a forward, (B, V) while generating; while training, their gradient
   * instead.
   */
  public Tensor logits() {
    return logits.value();
  }

  /** Loss of the last forward, in nats. */
  public double loss() {
    return loss.value();
  }

  /**
   * Attention probabilities of a layer after a forward of {@link GPT#attention}: (H * T, T), row h
   * * T + t is how query t of head h weighs the keys.
   */
  public Tensor probabilities(int layer) {
    return probabilities.get(layer).tensor();
  }

  /** Copies {@code count} numbers to the first rows of {@link #ids} or {@link #targets}. */
  public static void copy(int[] from, int start, Tensor to, int count) {
    MemorySegment segment = to.memory().segment();
    MemorySegment.copy(from, start, segment, ValueLayout.JAVA_INT, to.offset() * 4, count);
  }

  /**
   * Checks the tokens that the next step reads.
   *
   * @throws IllegalArgumentException if an id is outside [0, V), or a target is V or more
   */
  public void check(Step step) {
    int V = logits.columns();
    MemorySegment segment = tokens.segment();
    for (int row = 0; row < step.rows(); row++) {
      int id = segment.getAtIndex(ValueLayout.JAVA_INT, ids.at(row));
      int target = segment.getAtIndex(ValueLayout.JAVA_INT, targets.at(row));
      if (id < 0 || id >= V || target >= V) {
        boolean idIsWrong = id < 0 || id >= V;
        throw new IllegalArgumentException(
            String.format(
                "%s: expected %d to %d (vocab_size - 1), got %d in sequence %d at position %d",
                idIsWrong ? "ids" : "targets",
                idIsWrong ? 0 : -1,
                V - 1,
                idIsWrong ? id : target,
                row / step.T(),
                row % step.T()));
      }
    }
  }

  @Override
  public void close() {
    tape.close();
    tokens.close();
  }
}
