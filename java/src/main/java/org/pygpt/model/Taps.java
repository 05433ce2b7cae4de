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
import org.pygpt.ops.GradientTap;
import org.pygpt.ops.HeadScales;
import org.pygpt.ops.Parameter;
import org.pygpt.ops.Tap;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: what a {@link Probe} keeps of a forward pass, by name, and the scales that switch parts
 * of the model off; or what a {@link GradientProbe} keeps of a backward pass.
 *
 * <p>Of layers in [first, end) everything is kept, of others the residual stream after each branch.
 */
final class Taps {
  private final int first;
  private final int end;
  private final int H;
  private final boolean ofGradients;
  private final double[] scales; // of each layer: its heads, its attention, its MLP
  private final Map<String, Supplier<Tensor>> tensors = new LinkedHashMap<>();

  Taps(GPTConfig config, int first, int end) {
    this(config, first, end, false);
  }

  private Taps(GPTConfig config, int first, int end, boolean ofGradients) {
    if (first < 0 || end < first || end > config.nLayer()) {
      throw new IllegalArgumentException(
          "layers: expected some of 0 to " + config.nLayer() + ", got " + first + " to " + end);
    }
    this.first = first;
    this.end = end;
    this.H = config.nHead();
    this.ofGradients = ofGradients;
    this.scales = new double[config.nLayer() * (H + 2)];
    Arrays.fill(scales, 1);
  }

  /** What keeps gradients in the place of values. */
  static Taps ofGradients(GPTConfig config, int first, int end) {
    return new Taps(config, first, end, true);
  }

  double[] scales() {
    return scales;
  }

  Set<String> names() {
    return tensors.keySet();
  }

  /**
   * What is kept under a name, shared.
   *
   * @throws IllegalArgumentException if nothing is
   */
  Tensor require(String name) {
    Supplier<Tensor> found = tensors.get(name);
    if (found == null) {
      throw new IllegalArgumentException(
          "name: expected one of " + String.join(", ", names()) + ", got " + name);
    }
    return found.get();
  }

  boolean keepsAll(int layer) {
    return first <= layer && layer < end;
  }

  /** Whether the probabilities of a layer's attention are wanted. */
  boolean keepsProbabilities(int layer) {
    return keepsAll(layer) && !ofGradients;
  }

  /** Keeps a variable that no later op overwrites; or its gradient, whatever overwrites that. */
  void keep(Tape tape, String name, Variable x) {
    if (ofGradients) {
      keepGradient(tape, name, x);
      return;
    }
    tape.keep(x);
    tensors.put(name, x::value);
  }

  private void keepGradient(Tape tape, String name, Variable x) {
    Slot slot = tape.persistent(x.valueSlot().rows(), x.columns());
    tape.add(new GradientTap(x, slot));
    keep(name, slot);
  }

  void keep(String name, Slot slot) {
    tensors.put(name, slot::tensor);
  }

  /** Keeps a copy of x + bias as it is now; or its gradient. */
  void copy(Tape tape, String name, Variable x, Parameter bias, int rows) {
    if (ofGradients) {
      keepGradient(tape, name, x);
      return;
    }
    Slot slot = tape.persistent(rows, x.columns());
    tape.add(new Tap(x, bias, slot));
    keep(name, slot);
  }

  void scaleHeads(Tape tape, int layer, Variable x) {
    if (ofGradients) {
      return;
    }
    tape.add(new HeadScales(scales, layer * (H + 2), H, x));
  }

  /** Scales what was added to x, which the attention or the MLP of a layer made. */
  void scaleBranch(Tape tape, int layer, boolean isMlp, Variable x, Variable sum, Slot rest) {
    if (ofGradients) {
      return;
    }
    int index = layer * (H + 2) + H + (isMlp ? 1 : 0);
    tape.add(new BranchScale(scales, index, x, rest, sum));
  }
}
