package org.pygpt.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.pygpt.support.Tolerances.FINITE_DIFFERENCE;
import static org.pygpt.support.Tolerances.FINITE_STEP;

import java.lang.reflect.Proxy;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.graph.Op;
import org.pygpt.graph.Step;
import org.pygpt.graph.Tape;
import org.pygpt.graph.Variable;
import org.pygpt.kernels.Activation;
import org.pygpt.kernels.NormSpec;
import org.pygpt.kernels.reference.PlainKernels;
import org.pygpt.ops.Attention;
import org.pygpt.ops.Embedding;
import org.pygpt.ops.FeedForwardActivation;
import org.pygpt.ops.Linear;
import org.pygpt.ops.Loss;
import org.pygpt.ops.Parameter;
import org.pygpt.ops.ResidualNorm;
import org.pygpt.support.Models;
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
      enc.{layers}.ln_2.weight      C         gain
      enc.{layers}.fc.weight        C,F       linear
      enc.{layers}.fc.bias          F         bias
      enc.{layers}.out.weight       F,C       projection
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
  private static final int B = 2,
      S = 5,
      T = 3,
      C = 6,
      H = 2,
      F = 13,
      V = 7,
      SOURCE = 11,
      LAYERS = 2;

  private final PlainKernels kernels = new PlainKernels();
  private final Tape tape = new Tape(kernels, DType.FLOAT64, true);
  private Parameters weights;
  private Parameters gradients;
  private int rows; // of the stack that is being wired

  /** Adds an op of a stack whose sequences have {@code length} positions. */
  private void add(Op op) {
    int length = rows / B;
    Op sized =
        (Op)
            Proxy.newProxyInstance(
                Op.class.getClassLoader(),
                new Class<?>[] {Op.class},
                (proxy, method, arguments) -> {
                  if (arguments != null && method.getName().matches("forward|backward")) {
                    arguments[1] = new Step(B, length, ((Step) arguments[1]).accumulate(), 0);
                  }
                  return method.invoke(op, arguments);
                });
    tape.add(sized);
  }

  private Parameter parameter(String name) {
    Tensor gradient = gradients.views().get(name);
    return weights.has(name) ? new Parameter(name, weights.get(name), gradient, null) : null;
  }

  private Variable embedding(String name, Tensor ids) {
    Variable out = tape.variable(rows, C);
    add(
        new Embedding(
            ids, parameter(name + ".wte.weight"), parameter(name + ".wpe.weight"), false, out));
    return out;
  }

  private Variable linear(Variable x, String name) {
    Parameter weight = parameter(name + ".weight");
    boolean isHead = name.endsWith("head");
    Variable out = tape.variable(rows, isHead ? V : weight.value().columns());
    add(new Linear(tape.use(x), weight, null, isHead, out));
    return out;
  }

  private ResidualNorm.Branch branch(Variable x, String name) {
    return new ResidualNorm.Branch(
        linear(x, name), parameter(name + ".bias"), tape.variable(rows, C));
  }

  private Variable norm(Variable x, ResidualNorm.Branch branch, String name) {
    Variable sum = branch == null ? x : branch.sum();
    Parameter gain = parameter(name + ".weight");
    Variable out = tape.variable(rows, C);
    add(
        new ResidualNorm(
            x,
            branch,
            new ResidualNorm.Norm(
                new NormSpec(true, 1e-5),
                tape.use(sum),
                gain,
                parameter(name + ".bias"),
                out,
                tape.slot(rows, 2))));
    return out;
  }

  private Variable attention(Attention.Source source, boolean causal) {
    Variable out = tape.variable(rows, C);
    add(new Attention(source, H, H, causal, 0, 0, tape.slot(B * H, rows / B), out));
    return out;
  }

  private Variable encoder(Tensor ids) {
    rows = B * S;
    Variable x = embedding("enc", ids);
    Variable normed = norm(x, null, "enc.0.ln_1");
    for (int layer = 0; layer < LAYERS; layer++) {
      String name = "enc." + layer;
      Variable qkv = linear(normed, name + ".attn");
      var mixed = branch(attention(new Attention.Packed(tape.use(qkv)), false), name + ".proj");
      Variable hidden = linear(norm(x, mixed, name + ".ln_2"), name + ".fc");
      Variable active = tape.variable(rows, F);
      add(
          new FeedForwardActivation(
              Activation.GELU, tape.use(hidden), parameter(name + ".fc.bias"), active));
      var out = branch(active, name + ".out");
      normed =
          norm(mixed.sum(), out, layer + 1 < LAYERS ? "enc." + (layer + 1) + ".ln_1" : "enc.ln");
      x = out.sum();
    }
    return normed;
  }

  private Variable decoder(Tensor ids, Variable memory) {
    rows = B * T;
    Variable x = embedding("dec", ids);
    Variable normed = norm(x, null, "dec.0.ln_1");
    for (int layer = 0; layer < LAYERS; layer++) {
      String name = "dec." + layer;
      Variable qkv = linear(normed, name + ".attn");
      var mixed = branch(attention(new Attention.Packed(tape.use(qkv)), true), name + ".proj");
      Variable q = linear(norm(x, mixed, name + ".ln_2"), name + ".q");
      rows = B * S;
      Variable k = linear(memory, name + ".k");
      Variable v = linear(memory, name + ".v");
      rows = B * T;
      var source = new Attention.Separate(tape.use(q), tape.use(k), tape.use(v), S);
      var out = branch(attention(source, false), name + ".cross");
      normed =
          norm(mixed.sum(), out, layer + 1 < LAYERS ? "dec." + (layer + 1) + ".ln_1" : "dec.ln");
      x = out.sum();
    }
    return linear(normed, "dec.head");
  }

  @ParameterizedTest
  @ValueSource(strings = {"enc", "dec", "none"})
  void gradientsOfAStackAreFiniteDifferences(String frozen) {
    Map<String, Object> sizes =
        Map.of(
            "source", SOURCE, "S", S, "T", T, "C", C, "3C", 3 * C, "F", F, "V", V, "layers",
            LAYERS);
    Layout all = LayoutTable.parse(TABLE, sizes).layout();
    String[] names =
        all.shapes().keySet().stream()
            .filter(name -> name.startsWith(frozen))
            .toArray(String[]::new);
    Layout layout = all.freeze(names);
    HostDevice host = HostDevice.host();
    try (Parameters w = new Parameters(host, layout, DType.FLOAT64);
        Parameters g = Parameters.trainable(host, layout, DType.FLOAT64, 1);
        Tokens source = new Tokens(host, B * S);
        Tokens target = new Tokens(host, B * T);
        tape) {
      weights = w;
      gradients = g;
      Random random = new Random(5);
      weights
          .views()
          .forEach((name, weight) -> {
            for (int i = 0; i < weight.size(); i++) {
              double mean = name.contains("ln") && name.endsWith("weight") ? 1 : 0;
              HostMemory.set(
                  weight,
                  i / weight.columns(),
                  i % weight.columns(),
                  mean + 0.3 * random.nextGaussian());
            }
          });
      Variable logits = decoder(target.ids(), encoder(source.ids()));
      Loss loss = new Loss(logits, target.targets());
      add(loss);
      tape.plan();
      tape.allocate();
      fill(source.ids(), Models.tokens(B * S, SOURCE, 1));
      fill(target.ids(), Models.tokens(B * T, V, 2));
      fill(target.targets(), Models.targets(B * T, V, 3));
      Step step = new Step(B, T, false, 0);
      tape.forward(step);
      tape.backward(step);
      assertEquals(all.weights().size() - names.length, gradients.names().size());
      gradients
          .views()
          .forEach((name, gradient) -> {
            Tensor weight = weights.get(name);
            for (int i = 0; i < weight.size(); i++) {
              int row = i / weight.columns();
              int c = i % weight.columns();
              double value = HostMemory.get(weight, row, c);
              double[] losses = new double[2];
              for (int side = 0; side < 2; side++) {
                HostMemory.set(weight, row, c, value + (2 * side - 1) * FINITE_STEP);
                tape.forward(step);
                losses[side] = loss.value();
              }
              HostMemory.set(weight, row, c, value);
              double slope = (losses[1] - losses[0]) / (2 * FINITE_STEP);
              assertEquals(slope, HostMemory.get(gradient, row, c), FINITE_DIFFERENCE, name);
            }
          });
    }
  }

  private static void fill(Tensor column, int[] values) {
    for (int row = 0; row < values.length; row++) {
      HostMemory.set(column, row, 0, values[row]);
    }
  }
}
