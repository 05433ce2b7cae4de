package org.pygpt.ops;

import java.util.ArrayList;
import java.util.List;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Gradient;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.Norm;
import org.pygpt.kernels.NormSpec;
import org.pygpt.tensor.Tensor;

/**
 * Norms of queries and keys, in parts of a packed row: a head each, or all queries and all keys.
 * Values are copied.
 *
 * @param parts those of the queries, then those of the keys
 * @param statistics (rows, 2 * parts)
 */
public record HeadNorm(NormSpec spec, List<Part> parts, Variable x, Slot statistics, Variable out)
    implements Op {
  /**
   * Columns that are normalised together.
   *
   * @param weight null for a gain of 1; read and trained in its columns from {@code offset} on
   * @param bias null for none; likewise
   * @param first whether no part before this one has the same columns of the weight
   */
  public record Part(
      int column, int columns, Parameter weight, Parameter bias, int offset, boolean first) {
    private Tensor columnsOf(Tensor vector) {
      return vector == null ? null : vector.columns(offset, columns);
    }

    private Norm norm(NormSpec spec) {
      Tensor w = columnsOf(Parameter.valueOf(weight));
      return new Norm(spec, w, columnsOf(Parameter.valueOf(bias)));
    }

    private Gradient gradient(Parameter parameter, Step step) {
      return Parameter.isFrozen(parameter)
          ? null
          : Gradient.of(columnsOf(parameter.gradient()), !first || step.accumulate());
    }
  }

  /**
   * Binds the op; x and out share one gradient, so x must have no other reader. On a tape that only
   * runs forward they are one in memory.
   */
  public HeadNorm {
    if (out.gradientSlot() == null) {
      out.takeValueSlot(x);
    }
    out.shareGradient(x);
    out.constantIf(
        x.isConstant()
            && parts.stream()
                .allMatch(
                    part -> Parameter.isFrozen(part.weight) && Parameter.isFrozen(part.bias)));
  }

  @Override
  public boolean isConstant() {
    return out.isConstant();
  }

  @Override
  public List<Slot> forwardSlots() {
    return List.of(x.valueSlot(), out.valueSlot(), statistics);
  }

  @Override
  public List<Slot> backwardSlots() {
    List<Slot> slots = new ArrayList<>(List.of(x.valueSlot(), statistics));
    slots.add(out.gradientSlot());
    return slots;
  }

  @Override
  public void forward(Kernels kernels, Step step) {
    int rows = step.rows();
    for (int i = 0; i < parts.size(); i++) {
      Part part = parts.get(i);
      Tensor from = x.value().columns(part.column, part.columns);
      Tensor to = out.value().columns(part.column, part.columns);
      kernels.norm(rows, part.norm(spec), from, to, statistics.tensor().columns(2 * i, 2));
    }
    if (out.valueSlot() != x.valueSlot()) {
      int values = parts.getLast().column + parts.getLast().columns;
      int columns = x.columns() - values;
      Tensor to = out.value().columns(values, columns);
      kernels.copy(rows, x.value().columns(values, columns), to, 0);
    }
  }

  @Override
  public void backward(Kernels kernels, Step step) {
    for (int i = 0; i < parts.size(); i++) {
      Part part = parts.get(i);
      Tensor gradient = out.gradient().columns(part.column, part.columns);
      kernels.normBackward(
          step.rows(),
          part.norm(spec),
          gradient,
          x.value().columns(part.column, part.columns),
          statistics.tensor().columns(2 * i, 2),
          Gradient.of(gradient, false),
          part.gradient(part.weight, step),
          part.gradient(part.bias, step));
    }
  }

  @Override
  public String describe() {
    String kind = spec.centred() ? "layernorm" : "rmsnorm";
    return kind + "  of queries and keys, in " + parts.size() + " parts";
  }
}
