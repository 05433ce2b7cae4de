package org.pygpt.model;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Tape;
import org.pygpt.graph.Variable;
import org.pygpt.ops.BranchScale;
import org.pygpt.ops.HeadScales;
import org.pygpt.ops.Parameter;
import org.pygpt.ops.Tap;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: what a {@link Probe} keeps of a forward pass, by name, and the scales that switch parts
 * of the model off.
 *
 * <p>Of layers in [first, end) everything is kept, of others the residual stream after each branch.
 */
final class Taps {
  private final int first;
  private final int end;
  private final int H;
  private final double[] scales; // of each layer: its heads, its attention, its MLP
  private final Map<String, Supplier<Tensor>> tensors = new LinkedHashMap<>();

  Taps(GPTConfig config, int first, int end) {
    this.first = first;
    this.end = end;
    this.H = config.nHead();
    this.scales = new double[config.nLayer() * (H + 2)];
    Arrays.fill(scales, 1);
  }

  double[] scales() {
    return scales;
  }

  Set<String> names() {
    return tensors.keySet();
  }

  /** What is kept under a name; null if nothing is. */
  Tensor get(String name) {
    Supplier<Tensor> found = tensors.get(name);
    return found == null ? null : found.get();
  }

  boolean keepsAll(int layer) {
    return first <= layer && layer < end;
  }

  /** Keeps a variable that no later op overwrites. */
  void keep(Tape tape, String name, Variable x) {
    tape.keep(x);
    tensors.put(name, x::value);
  }

  void keep(String name, Slot slot) {
    tensors.put(name, slot::tensor);
  }

  /** Keeps a copy of x + bias as it is now. */
  void copy(Tape tape, String name, Variable x, Parameter bias, int rows) {
    Slot slot = tape.persistent(rows, x.columns());
    tape.add(new Tap(x, bias, slot));
    keep(name, slot);
  }

  void scaleHeads(Tape tape, int layer, Variable x) {
    tape.add(new HeadScales(scales, layer * (H + 2), H, x));
  }

  /** Scales what was added to x, which the attention or the MLP of a layer made. */
  void scaleBranch(Tape tape, int layer, boolean isMlp, Variable x, Variable sum, Slot rest) {
    int index = layer * (H + 2) + H + (isMlp ? 1 : 0);
    tape.add(new BranchScale(scales, index, x, rest, sum));
  }
}
