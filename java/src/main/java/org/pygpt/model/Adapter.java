package org.pygpt.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.pygpt.kernels.Kernels;
import org.pygpt.ops.LowRank;
import org.pygpt.ops.Parameter;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;
import org.pygpt.text.Json;
import org.pygpt.text.Options;

/**
 * Mutable: LoRA, two thin matrices beside some of a model's weights, which stay as they are. While
 * a model has an adapter, all that it computes is computed with it, and a training moves it alone.
 *
 * <p>{@code PART.lora_A.weight} is (r, in), {@code PART.lora_B.weight} (columns, r), as PEFT has
 * them. Each that uses the memory holds it, and calls {@link #close} once.
 *
 * @see GPT#adapt
 */
public final class Adapter implements Trainable, LowRank.Scaling, AutoCloseable {
  /**
   * What lies beside some columns of a weight that is (in, out).
   *
   * @param name of its two matrices, before {@code .lora_A.weight} and {@code .lora_B.weight}
   */
  record Part(String name, String weight, int first, int columns) {
    String a() {
      return name + ".lora_A.weight";
    }

    String b() {
      return name + ".lora_B.weight";
    }
  }

  private final GPT model;
  private final List<Part> parts;
  private final double scale;
  private final double dropout;
  private final Parameters weights;
  private volatile boolean enabled = true;
  private int holders = 1;

  private Adapter(GPT model, int rank, double scale, double dropout, List<Part> parts) {
    this.model = model;
    this.scale = scale;
    this.dropout = dropout;
    this.parts = List.copyOf(parts);
    List<Layout.Weight> layout = new ArrayList<>();
    for (Part part : parts) {
      Tensor beside = model.weights().get(part.weight);
      if (part.first < 0 || part.columns < 1 || part.first + part.columns > beside.columns()) {
        throw new IllegalArgumentException(
            "adapter: expected some of "
                + (beside.columns() + " columns of " + part.weight)
                + (", got " + part.columns + " from " + part.first + " on"));
      }
      layout.add(matrix(part.a(), rank, beside.rows()));
      layout.add(matrix(part.b(), part.columns, rank));
    }
    weights = new Parameters(model.kernels().device(), new Layout(layout), model.dtype());
  }

  private static Layout.Weight matrix(String name, long out, long in) {
    return new Layout.Weight(name, List.of(out, in), Layout.Role.OUTPUT, true, true);
  }

  /**
   * Zeros, which change nothing.
   *
   * @param json an object with {@code rank}, {@code scale}, {@code dropout} and, of the same length
   *     each, {@code names} of the parts, their {@code weights}, the {@code first} of their columns
   *     and the number of {@code columns}
   * @throws IllegalArgumentException if it is none, or does not fit the model
   */
  static Adapter of(GPT model, String json) {
    Options options = new Options(Json.parseObject(json));
    List<String> names = options.texts("names");
    List<String> weights = options.texts("weights");
    List<Integer> first = options.sizes("first");
    List<Integer> columns = options.sizes("columns");
    List<Part> parts = new ArrayList<>();
    for (int i = 0; i < names.size(); i++) {
      parts.add(new Part(names.get(i), weights.get(i), first.get(i), columns.get(i)));
    }
    int rank = options.size("rank", 1);
    return new Adapter(model, rank, options.number("scale"), options.number("dropout"), parts);
  }

  /** The parts beside a weight. */
  List<Part> beside(String weight) {
    return parts.stream().filter(part -> part.weight.equals(weight)).toList();
  }

  /** The probability with which an element is dropped in training, before A reads it. */
  double dropout() {
    return dropout;
  }

  /** What an op reads and writes of one of its matrices. */
  Parameter parameter(String name, Map<String, Tensor> gradients) {
    return new Parameter(name, weights.get(name), gradients.get(name), null);
  }

  @Override
  public double scale() {
    return scale;
  }

  @Override
  public boolean isEnabled() {
    return enabled;
  }

  /** Says whether the model computes with it from now on; it is not trained while it does not. */
  public void setEnabled(boolean enabled) {
    try (var _ = turn()) {
      this.enabled = enabled;
      changed();
    }
  }

  // ---- as a training sees it -------------------------------------------------------------------

  @Override
  public Kernels kernels() {
    return model.kernels();
  }

  @Override
  public Parameters weights() {
    return weights;
  }

  @Override
  public DType dtype() {
    return model.dtype();
  }

  @Override
  public void requireTrainable() {
    model.requireTrainable();
    if (!enabled) {
      throw new IllegalStateException(
          "adapter: expected one in use to train it, got one that is off");
    }
  }

  @Override
  public void changed() {
    model.changed();
  }

  @Override
  public GPT.Turn turn() {
    return model.turn();
  }

  @Override
  public GPT.Turn lastTurn() {
    return model.lastTurn();
  }

  // ---- memory ----------------------------------------------------------------------------------

  /** Holds the memory until one more {@link #close}. */
  synchronized void hold() {
    holders++;
  }

  /** Frees the memory if nobody else holds it. */
  @Override
  public synchronized void close() {
    holders--;
    if (holders == 0) {
      weights.close();
    }
  }
}
