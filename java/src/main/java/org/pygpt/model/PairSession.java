package org.pygpt.model;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Tape;
import org.pygpt.graph.Variable;
import org.pygpt.ops.Loss;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: a tape of an encoder–decoder transformer with the memory that it reads sources and
 * targets from; for one thread at a time.
 */
public final class PairSession implements Scored {
  private final EncoderDecoder model;
  private final Tape tape;
  private final Tokens sources;
  private final Tokens targets;
  private final Variable logits; // null while encoding, as the loss
  private final Loss loss;
  private final List<Variable> sourceKeysAndValues;
  private final Maps maps;

  /**
   * Attention probabilities of each layer, one sequence's: the encoder's (H * S, S), the decoder's
   * to its own sequence (H * T, T), and to the source (H * T, S).
   */
  record Maps(List<Slot> encoder, List<Slot> decoder, List<Slot> cross) {
    Maps() {
      this(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
    }
  }

  PairSession(
      EncoderDecoder model,
      Tape tape,
      Tokens sources,
      Tokens targets,
      Variable logits,
      Loss loss,
      List<Variable> sourceKeysAndValues,
      Maps maps) {
    this.model = model;
    this.tape = tape;
    this.sources = sources;
    this.targets = targets;
    this.logits = logits;
    this.loss = loss;
    this.sourceKeysAndValues = sourceKeysAndValues;
    this.maps = maps;
  }

  @Override
  public Tape tape() {
    return tape;
  }

  /** A turn of the model whose weights it reads. */
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

  @Override
  public double loss() {
    return loss.value();
  }

  /** Keys beside values of the source for a layer of the decoder, (S, 2 C), after encoding. */
  public Tensor sourceKeysAndValues(int layer) {
    return sourceKeysAndValues.get(layer).value();
  }

  /** How the encoder's layer weighs the source, (H * S, S): row h * S + s is query s of head h. */
  public Tensor encoderProbabilities(int layer) {
    return maps.encoder.get(layer).tensor();
  }

  /** How the decoder's layer weighs the target so far, (H * T, T). */
  public Tensor decoderProbabilities(int layer) {
    return maps.decoder.get(layer).tensor();
  }

  /** How the decoder's layer weighs the source, (H * T, S). */
  public Tensor crossProbabilities(int layer) {
    return maps.cross.get(layer).tensor();
  }

  /** Writes the ids of the next step's sources, row by row. */
  public void setSources(int... ids) {
    sources.hostIds().write(0, MemorySegment.ofArray(ids));
  }

  /** Writes the ids of the next step's targets, row by row, without what follows them. */
  public void setTargets(int... ids) {
    targets.hostIds().write(0, MemorySegment.ofArray(ids));
  }

  /** Writes targets and what follows each token of them; a negative one is not scored. */
  public void setTargets(int[] ids, int[] next) {
    setTargets(ids);
    targets.hostTargets().write(0, MemorySegment.ofArray(next));
  }

  /**
   * Checks the tokens that the next step reads, and uploads them.
   *
   * @throws IllegalArgumentException if an id is outside its vocabulary
   */
  @Override
  public void load(Step step) {
    if (step.source() != null) {
      loadSources(step.source());
    }
    targets.load(step, logits.columns());
  }

  /** Checks and uploads sources alone, for a step of the encoder by itself. */
  public void loadSources(Step step) {
    sources.load(step, model.config().sourceVocabSize());
  }

  /** Runs forward on the pairs that were set, in a {@link #turn}. */
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
      sources.close();
      targets.close();
    }
  }
}
