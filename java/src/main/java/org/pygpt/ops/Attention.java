package org.pygpt.ops;

import java.util.ArrayList;
import java.util.List;
import org.pygpt.graph.Input;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.AttentionSpec;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.Heads;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.ScoreSpec;
import org.pygpt.tensor.Tensor;

/**
 * Multi-head attention: of a sequence to itself, on packed queries, keys and values, (B * T, (H + 2
 * kvHeads) D) -> (B * T, C); or of one sequence to another. Keeps its output and one number a
 * query; backward computes the scores again.
 */
public final class Attention implements Op {
  private final Source source;
  private final int H;
  private final int kvHeads;
  private final boolean causal;
  private final ScoreSpec scores;
  private final int index;
  private final DropoutMask mask;
  private final Slot logsumexp;
  private final Variable out;
  private Heads value;
  private Heads gradient;
  private AttentionSpec spec; // of the last step
  private Tensor sums; // logsumexp as the last step had it

  /** Where queries, keys and values come from. */
  public interface Source {
    /** The variables that are read, as uses. */
    List<Input> inputs();

    /** Keys of a sequence in a step. */
    int keys(Step step);

    /** How many of the keys of each sequence are no padding; null for all. */
    int[] lengths(Step step);

    /** Queries, keys and values; null where there is no memory for them. */
    Heads heads(boolean gradients, int H, int kvHeads);
  }

  /** Self-attention on one packed variable. */
  public record Packed(Input qkv) implements Source {
    @Override
    public List<Input> inputs() {
      return List.of(qkv);
    }

    @Override
    public int keys(Step step) {
      return step.T();
    }

    @Override
    public int[] lengths(Step step) {
      return step.lengths();
    }

    @Override
    public Heads heads(boolean gradients, int H, int kvHeads) {
      Tensor tensor = gradients ? qkv.gradient() : qkv.value();
      return tensor == null ? null : Heads.packed(tensor, H, kvHeads);
    }
  }

  /**
   * Attention to the sequences that a step's own are made from.
   *
   * @param q (B * T, H * D); has no other reader
   * @param kv keys beside values, (B * S, 2 * kvHeads * D), of {@link Step#source}; likewise
   */
  public record Cross(Input q, Input kv) implements Source {
    @Override
    public List<Input> inputs() {
      return List.of(q, kv);
    }

    @Override
    public int keys(Step step) {
      return step.source().T();
    }

    @Override
    public int[] lengths(Step step) {
      return step.source().lengths();
    }

    @Override
    public Heads heads(boolean gradients, int H, int kvHeads) {
      Tensor queries = gradients ? q.gradient() : q.value();
      Tensor both = gradients ? kv.gradient() : kv.value();
      if (queries == null || both == null) {
        return null;
      }
      int width = both.columns() / 2;
      return new Heads(queries, both.columns(0, width), both.columns(width, width));
    }
  }

  /**
   * Binds the op.
   *
   * @param causal whether a query sees no later key
   * @param index a number of its own among the tape's users of random numbers
   * @param dropout probability of dropping a probability; 0 for none
   * @param logsumexp (B * H, T)
   */
  public Attention(
      Source source,
      int H,
      int kvHeads,
      boolean causal,
      int index,
      double dropout,
      Slot logsumexp,
      Variable out) {
    this(source, H, kvHeads, causal, ScoreSpec.PLAIN, index, dropout, logsumexp, out);
  }

  /**
   * Binds the op.
   *
   * @param scores what becomes of the products of queries and keys
   */
  public Attention(
      Source source,
      int H,
      int kvHeads,
      boolean causal,
      ScoreSpec scores,
      int index,
      double dropout,
      Slot logsumexp,
      Variable out) {
    this.source = source;
    this.H = H;
    this.kvHeads = kvHeads;
    this.causal = causal;
    this.scores = scores;
    this.index = index;
    this.mask = dropout == 0 ? null : new DropoutMask(dropout);
    this.logsumexp = logsumexp;
    this.out = out;
    out.constantIf(source.inputs().stream().allMatch(input -> input.variable().isConstant()));
  }

  @Override
  public List<Input> inputs() {
    return source.inputs();
  }

  @Override
  public boolean isConstant() {
    return out.isConstant();
  }

  @Override
  public List<Slot> forwardSlots() {
    List<Slot> slots = new ArrayList<>(List.of(out.valueSlot(), logsumexp));
    source.inputs().forEach(input -> slots.add(input.valueSlot()));
    return slots;
  }

  @Override
  public List<Slot> backwardSlots() {
    List<Slot> slots = forwardSlots();
    slots.add(out.gradientSlot());
    source.inputs().forEach(input -> slots.add(input.gradientSlot()));
    return slots;
  }

  @Override
  public void bind() {
    sums = null;
    value = source.heads(false, H, kvHeads);
    gradient = source.heads(true, H, kvHeads);
  }

  private AttentionSpec spec(Step step) {
    int keys = source.keys(step);
    int[] lengths = causal ? null : source.lengths(step); // a causal query comes before padding
    int B = step.B();
    int T = step.T();
    if (spec == null
        || (spec.B() != B || spec.queries() != T)
        || (spec.keys() != keys || spec.lengths() != lengths)) {
      spec = new AttentionSpec(B, T, keys, H, kvHeads, causal, scores, lengths);
    }
    return spec;
  }

  /** (B * H, T) of this step, whose T may be longer than the planned one where its B is smaller. */
  private Tensor logsumexp(Step step) {
    int rows = step.B() * H;
    if (sums == null || sums.rows() != rows || sums.columns() != step.T()) {
      Tensor planned = logsumexp.tensor();
      sums = Tensor.of(planned.memory(), planned.dtype(), planned.offset(), rows, step.T());
    }
    return sums;
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    if (mask != null) {
      mask.setKey(Dropout.key(step, index));
    }
    kernels.attention(spec(step), value, mask, out.value(), logsumexp(step));
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    kernels.attentionBackward(
        spec(step), value, mask, out.value(), logsumexp(step), out.gradient(), gradient);
  }

  @Override
  public String describe() {
    String window = scores.window() == 0 ? "" : ", a window of " + scores.window();
    return "attention  " + H + " heads, " + kvHeads + " of keys and values" + window;
  }
}
