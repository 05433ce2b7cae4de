package org.pygpt.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.pygpt.support.Tolerances.FINITE_DIFFERENCE;
import static org.pygpt.support.Tolerances.FINITE_STEP;

import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.BiConsumer;
import java.util.function.DoubleSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.graph.Input;
import org.pygpt.graph.Op;
import org.pygpt.graph.Slot;
import org.pygpt.graph.Step;
import org.pygpt.graph.Tape;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Heads;
import org.pygpt.kernels.NormSpec;
import org.pygpt.kernels.reference.PlainKernels;
import org.pygpt.ops.Attention;
import org.pygpt.ops.Embedding;
import org.pygpt.ops.Linear;
import org.pygpt.ops.Loss;
import org.pygpt.ops.Parameter;
import org.pygpt.ops.ResidualNorm;
import org.pygpt.ops.ResidualNorm.Branch;
import org.pygpt.ops.ResidualNorm.Norm;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/** A model that is no GPT: two stacks of blocks, the second of which attends to the first. */
class EncoderDecoderTest {
  private static final String TABLE =
      """
      enc.wte.weight                source,C  embedding
      enc.wpe.weight                S,C       positions
      enc.{layers}.ln_1.weight      C         gain
      enc.{layers}.ln_1.bias        C         bias
      enc.{layers}.attn.weight      C,3C      linear
      enc.{layers}.proj.weight      C,C       projection
      enc.{layers}.proj.bias        C         bias
      enc.ln.weight                 C         gain
      dec.wte.weight                V,C       embedding
      dec.wpe.weight                T,C       positions
      dec.{layers}.ln_1.weight      C         gain
      dec.{layers}.attn.weight      C,3C      linear
      dec.{layers}.proj.weight      C,C       projection
      dec.{layers}.ln_2.weight      C         gain
      dec.{layers}.q.weight         C,C       linear
      dec.{layers}.k.weight         C,C       linear
      dec.{layers}.v.weight         C,C       linear
      dec.{layers}.cross.weight     C,C       projection
      dec.{layers}.cross.bias       C         bias
      dec.ln.weight                 C         gain
      dec.head.weight               V,C       output
      """;
  private static final int B = 2;
  private static final int S = 5; // positions of the source
  private static final int T = 3; // and of the target
  private static final Map<String, Integer> SIZES =
      Map.of("source", 11, "V", 7, "S", S, "T", T, "C", 6, "3C", 18, "layers", 2);

  private final Tape tape = new Tape(new PlainKernels(), DType.FLOAT64, true);
  private Parameters weights;
  private Parameters gradients;
  private int rows; // of the stack that is being wired

  /** Adds an op, which sees the length of its own stack's sequences. */
  private void add(Op op) {
    int length = rows / B;
    Class<?>[] type = {Op.class};
    tape.add(
        (Op)
            Proxy.newProxyInstance(
                Op.class.getClassLoader(),
                type,
                (_, method, arguments) -> {
                  if (method.getName().matches("forward|backward")) {
                    arguments[1] = new Step(B, length, ((Step) arguments[1]).accumulate(), 0);
                  }
                  return method.invoke(op, arguments);
                }));
  }

  private Variable variable() {
    return tape.variable(rows, SIZES.get("C"));
  }

  private Parameter parameter(String name) {
    Tensor gradient = gradients.views().get(name);
    return weights.has(name) ? new Parameter(name, weights.get(name), gradient, null) : null;
  }

  private Variable embedding(String name, Tensor ids) {
    Variable out = variable();
    Parameter positions = parameter(name + ".wpe.weight");
    add(new Embedding(ids, parameter(name + ".wte.weight"), positions, false, out));
    return out;
  }

  private Variable linear(Variable x, String name) {
    Parameter weight = parameter(name + ".weight");
    boolean isOutput = name.equals("dec.head");
    Tensor value = weight.value();
    Variable out = tape.variable(rows, isOutput ? value.rows() : value.columns());
    add(new Linear(tape.use(x), weight, null, isOutput, out));
    return out;
  }

  private Branch attention(Attention.Source source, boolean causal, String projection) {
    Variable out = variable();
    add(new Attention(source, 2, 2, causal, 0, 0, tape.slot(B * 2, rows / B), out));
    return new Branch(linear(out, projection), parameter(projection + ".bias"), variable());
  }

  private Branch selfAttention(Variable x, boolean causal, String name) {
    var source = new Attention.Packed(tape.use(linear(x, name + ".attn")));
    return attention(source, causal, name + ".proj");
  }

  private Variable norm(Variable x, Branch branch, String name) {
    Variable out = variable();
    Input sum = tape.use(branch == null ? x : branch.sum());
    Parameter bias = parameter(name + ".bias");
    NormSpec spec = new NormSpec(true, 1e-5);
    Slot statistics = tape.slot(rows, 2);
    Norm norm = new Norm(spec, sum, parameter(name + ".weight"), bias, out, statistics);
    add(new ResidualNorm(x, branch, norm));
    return out;
  }

  private Variable encoder(Tensor ids) {
    rows = B * S;
    Variable x = embedding("enc", ids);
    Variable normed = norm(x, null, "enc.0.ln_1");
    for (int layer = 0; layer < 2; layer++) {
      Branch mixed = selfAttention(normed, false, "enc." + layer);
      normed = norm(x, mixed, layer == 1 ? "enc.ln" : "enc.1.ln_1");
      x = mixed.sum();
    }
    return normed;
  }

  private Variable decoder(Tensor ids, Variable source) {
    rows = B * T;
    Variable x = embedding("dec", ids);
    Variable normed = norm(x, null, "dec.0.ln_1");
    for (int layer = 0; layer < 2; layer++) {
      String name = "dec." + layer;
      Branch mixed = selfAttention(normed, true, name);
      Input q = tape.use(linear(norm(x, mixed, name + ".ln_2"), name + ".q"));
      rows = B * S;
      Input k = tape.use(linear(source, name + ".k"));
      Input v = tape.use(linear(source, name + ".v"));
      rows = B * T;
      Branch read = attention(new Separate(q, k, v, S), false, name + ".cross");
      normed = norm(mixed.sum(), read, layer == 1 ? "dec.ln" : "dec.1.ln_1");
      x = read.sum();
    }
    return linear(normed, "dec.head");
  }

  @ParameterizedTest
  @ValueSource(strings = {"enc", "dec", "none"})
  void gradientsAreFiniteDifferencesWhileAStackIsFrozen(String frozen) {
    Layout all = LayoutTable.parse(TABLE, SIZES).layout();
    Stream<String> names = all.shapes().keySet().stream().filter(name -> name.startsWith(frozen));
    Layout layout = all.freeze(names.toArray(String[]::new));
    HostDevice host = HostDevice.host();
    Tokens source = new Tokens(host, B * S);
    Tokens target = new Tokens(host, B * T);
    weights = new Parameters(host, layout, DType.FLOAT64);
    gradients = Parameters.trainable(host, layout, DType.FLOAT64, 1);
    Random random = new Random(5);
    weights.views().forEach((name, w) -> fill(w, () -> 0.3 * random.nextGaussian()));
    fill(source.ids(), () -> random.nextInt(11));
    fill(target.ids(), () -> random.nextInt(7));
    fill(target.targets(), () -> random.nextInt(-1, 7));
    Loss loss = new Loss(decoder(target.ids(), encoder(source.ids())), target.targets());
    add(loss);
    tape.plan();
    tape.allocate();
    tape.forward(new Step(B, T, false, 0));
    tape.backward(new Step(B, T, false, 0));
    assertEquals(layout.trainable().size(), gradients.names().size());
    try (source;
        target;
        tape) {
      gradients
          .views()
          .forEach((name, gradient) ->
              forEach(
                  gradient,
                  (row, c) -> {
                    double slope =
                        (loss(loss, name, row, c, 1) - loss(loss, name, row, c, -1))
                            / (2 * FINITE_STEP);
                    assertEquals(slope, HostMemory.get(gradient, row, c), FINITE_DIFFERENCE, name);
                  }));
    }
  }

  /** The loss with one element of a weight moved. */
  private double loss(Loss loss, String name, int row, int c, int steps) {
    HostMemory.add(weights.get(name), row, c, steps * FINITE_STEP);
    tape.forward(new Step(B, T, false, 0));
    HostMemory.add(weights.get(name), row, c, -steps * FINITE_STEP);
    return loss.value();
  }

  private static void fill(Tensor tensor, DoubleSupplier values) {
    forEach(tensor, (row, c) -> HostMemory.set(tensor, row, c, values.getAsDouble()));
  }

  private static void forEach(Tensor tensor, BiConsumer<Integer, Integer> action) {
    for (int i = 0; i < tensor.size(); i++) {
      action.accept(i / tensor.columns(), i % tensor.columns());
    }
  }

  /**
   * Attention of one sequence to another of {@code keys} positions; backward overwrites the
   * gradients of all three, which must have no other reader.
   */
  private record Separate(Input q, Input k, Input v, int keys) implements Attention.Source {
    @Override
    public List<Input> inputs() {
      return List.of(q, k, v);
    }

    @Override
    public int keys(Step step) {
      return keys;
    }

    @Override
    public Heads heads(boolean gradients, int H, int kvHeads) {
      if (gradients) {
        return q.gradient() == null ? null : new Heads(q.gradient(), k.gradient(), v.gradient());
      }
      return new Heads(q.value(), k.value(), v.value());
    }
  }
}
