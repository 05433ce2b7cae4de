package org.pygpt.model;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Tape;
import org.pygpt.graph.Variable;
import org.pygpt.ops.Loss;
import org.pygpt.tensor.Memory;
import org.pygpt.tensor.Tensor;
import org.pygpt.tensor.TooLargeError;

/** Mutable: a tape with the memory that it reads its tokens from; for one thread at a time. */
public final class Session implements Scored {
  private final GPT model;
  private final ProductWeights products; // null where products read the weights
  private final Tape tape;
  private final Tokens tokens;
  private final Variable hidden;
  private final Variable logits;
  private final Loss loss;
  private final List<Slot> probabilities;
  private final Taps taps; // null for others than probes
  private final Adapter adapter; // null for none
  private Memory rowMemory; // losses and weights of rows; null until they are wanted

  /**
   * A planned and allocated tape.
   *
   * @param products copies that are made anew in each step, and freed with this; null for none
   */
  Session(
      GPT model,
      ProductWeights products,
      Tape tape,
      Tokens tokens,
      Variable hidden,
      Variable logits,
      Loss loss,
      List<Slot> probabilities,
      Taps taps) {
    this.model = model;
    this.products = products;
    this.tape = tape;
    this.tokens = tokens;
    this.hidden = hidden;
    this.logits = logits;
    this.loss = loss;
    this.probabilities = probabilities;
    this.taps = taps;
    adapter = model.adapter();
    if (adapter != null) {
      adapter.hold();
    }
  }

  @Override
  public Tape tape() {
    return tape;
  }

  Taps taps() {
    return taps;
  }

  /** A {@link GPT#turn} of the model whose weights it reads. */
  public GPT.Turn turn() {
    return model.turn();
  }

  /**
   * Logits (B * T, V) after a forward, (B, V) while generating; while training, their gradient
   * instead.
   */
  public Tensor logits() {
    return logits.value();
  }

  /**
   * Hidden states (B * T, C) after a forward of {@link GPT#hidden}: what the logits are made of.
   */
  public Tensor hidden() {
    return hidden.value();
  }

  @Override
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

  /**
   * Says whether the next forward gives the loss of each row, and backward then takes weights for
   * them, or the mean.
   *
   * @throws TooLargeError if there is no memory for them
   */
  public void scoreRows(boolean byRows) {
    if (byRows && rowMemory == null) {
      rowMemory = model.kernels().device().allocate(logits.dtype(), 2L * tokens.rows());
    }
    loss.byRows(byRows ? column(0) : null, byRows ? column(1) : null);
  }

  private Tensor column(int number) {
    int rows = tokens.rows();
    return Tensor.of(rowMemory, logits.dtype(), (long) number * rows, rows, 1);
  }

  /** Loss in nats of each of the first rows of the last forward, which scored rows; a copy. */
  public double[] rowLosses(int rows) {
    double[] losses = new double[rows];
    Tensor.of(rowMemory, logits.dtype(), 0, 1, rows).readRow(0, losses);
    return losses;
  }

  /** Sets what the losses of rows count for in backward. */
  public void setRowWeights(double[] weights) {
    long offset = tokens.rows();
    Tensor.of(rowMemory, logits.dtype(), offset, 1, weights.length).writeRow(0, weights);
  }

  /** Writes the ids of the next step, without targets. */
  public void setIds(int... ids) {
    MemorySegment from = MemorySegment.ofArray(ids);
    tokens.hostIds().write(0, from);
    tokens.ids().write(0, from);
  }

  /** Writes the ids and targets of the next step, which {@link #load} checks. */
  public void setBatch(int[] ids, int[] targets, int count) {
    tokens.hostIds().write(0, MemorySegment.ofArray(ids).asSlice(0, 4L * count));
    tokens.hostTargets().write(0, MemorySegment.ofArray(targets).asSlice(0, 4L * count));
  }

  /**
   * Checks the tokens that the next step reads, and uploads them; rounds the weights for products
   * that read copies, each time, since others may have written to them.
   *
   * @throws IllegalArgumentException if an id is outside [0, V), or a target is V or more
   */
  @Override
  public void load(Step step) {
    tokens.load(step, logits.columns());
    if (products != null) {
      products.refresh(model.kernels());
    }
  }

  /**
   * Runs forward on the tokens that were set, in a {@link #turn}.
   *
   * @throws IllegalArgumentException if an id is outside [0, V), or a target is V or more
   * @throws java.util.concurrent.CancellationException if another thread cancelled the tape
   */
  public void forward(Step step) {
    try (var _ = turn()) {
      load(step);
      tape.forward(step);
    }
  }

  @Override
  public void close() {
    try (var _ = model.lastTurn()) {
      tape.close();
      tokens.close();
      if (products != null) {
        products.close();
      }
      if (rowMemory != null) {
        rowMemory.close();
      }
      if (adapter != null) {
        adapter.close();
      }
    }
  }
}
