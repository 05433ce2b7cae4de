package org.pygpt.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pygpt.support.Models.B;
import static org.pygpt.support.Models.T;
import static org.pygpt.support.Models.V;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.support.Models;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;

/** Muon beside its formulas, backends beside each other, and what AdamW still moves. */
class MuonTest {
  private static final double DECAY = 0.3;
  private static final AdamW OPTIONS = new AdamW(0.9, 0.95, 1e-8, DECAY, 0, true);
  private static final AdamW ADAMW = new AdamW(0.9, 0.95, 1e-8, DECAY, 0, false);
  private static final GPTConfig LLAMA = Models.llama(0); // 6 heads of 4, 2 of keys, 24 wide

  private static void step(Training training, int seed) {
    training.setBatch(Models.tokens(B * T, V, seed), Models.targets(B * T, V, seed), B, T);
    training.backward(B, T);
    training.update(0.01);
  }

  // ---- plain matrices --------------------------------------------------------------------------

  private static double[][] matrix(Tensor tensor) {
    double[][] rows = new double[tensor.rows()][tensor.columns()];
    for (int row = 0; row < rows.length; row++) {
      tensor.readRow(row, rows[row]);
    }
    return rows;
  }

  private static double[][] product(double[][] a, double[][] b) {
    double[][] c = new double[a.length][b[0].length];
    for (int i = 0; i < a.length; i++) {
      for (int j = 0; j < b[0].length; j++) {
        for (int k = 0; k < b.length; k++) {
          c[i][j] += a[i][k] * b[k][j];
        }
      }
    }
    return c;
  }

  private static double[][] transposed(double[][] a) {
    double[][] t = new double[a[0].length][a.length];
    for (int i = 0; i < a.length; i++) {
      for (int j = 0; j < a[0].length; j++) {
        t[j][i] = a[i][j];
      }
    }
    return t;
  }

  private static double[][] sum(double a, double[][] x, double b, double[][] y) {
    double[][] sum = new double[x.length][x[0].length];
    for (int i = 0; i < x.length; i++) {
      for (int j = 0; j < x[0].length; j++) {
        sum[i][j] = a * x[i][j] + b * y[i][j];
      }
    }
    return sum;
  }

  private static double norm(double[][] x) {
    return Math.sqrt(
        Arrays.stream(x).flatMapToDouble(Arrays::stream).map(value -> value * value).sum());
  }

  /** As the paper has it, the rows being the shorter side. */
  private static double[][] orthogonal(double[][] u) {
    if (u.length > u[0].length) {
      return transposed(orthogonal(transposed(u)));
    }
    double[][] x = sum(1 / (norm(u) + 1e-7), u, 0, u);
    for (int i = 0; i < 5; i++) {
      double[][] gram = product(x, transposed(x));
      double[][] polynomial = sum(-4.7750, gram, 2.0315, product(gram, gram));
      x = sum(3.4445, x, 1, product(polynomial, x));
    }
    return x;
  }

  // ---- the update ------------------------------------------------------------------------------

  @Test
  void matricesOfTheLayersMoveByTheFormulas() {
    List<String> names = List.of("h.0.attn.c_proj.weight", "h.1.mlp.c_proj.weight");
    try (GPT model = Models.create(LLAMA, "plain", DType.FLOAT64, 1);
        Training training = new Training(model, B, T, OPTIONS)) {
      double[][][] weights = new double[2][][];
      double[][][] momentum = new double[2][][];
      for (int n = 0; n < 2; n++) {
        weights[n] = matrix(model.weights().get(names.get(n)));
        momentum[n] = sum(0, weights[n], 0, weights[n]);
      }
      for (int step = 1; step <= 3; step++) {
        step(training, step);
        for (int n = 0; n < 2; n++) {
          double[][] g = matrix(training.gradients().get(names.get(n)));
          momentum[n] = sum(0.95, momentum[n], 1, g);
          double[][] update = orthogonal(sum(1, g, 0.95, momentum[n]));
          int longer = Math.max(g.length, g[0].length);
          weights[n] = sum(1 - 0.01 * DECAY, weights[n], -0.01 * 0.2 * Math.sqrt(longer), update);
          assertClose(momentum[n], matrix(training.firstMoments().get(names.get(n))));
          assertClose(weights[n], matrix(model.weights().get(names.get(n))));
        }
      }
    }
  }

  private static void assertClose(double[][] expected, double[][] got) {
    double largest = norm(expected) + 1;
    for (int row = 0; row < expected.length; row++) {
      assertArrayEquals(expected[row], got[row], 1e-10 * largest);
    }
  }

  /** Queries, keys, values, gates and what they multiply: each has singular values of its own. */
  @Test
  void whatLiesTogetherMovesByItself() {
    try (GPT model = Models.create(LLAMA, "plain", DType.FLOAT64, 1);
        Training training = new Training(model, B, T, OPTIONS)) {
      double[][] before = matrix(model.weights().get("h.0.attn.c_attn.weight"));
      step(training, 1);
      double[][] after = matrix(model.weights().get("h.0.attn.c_attn.weight"));
      double[][] moved = sum(1, after, -(1 - 0.01 * DECAY), before);
      int from = 0;
      for (int width : new int[] {24, 8, 8}) {
        int begin = from;
        double[][] part =
            Arrays.stream(moved)
                .map(row -> Arrays.copyOfRange(row, begin, begin + width))
                .toArray(double[][]::new);
        double size = norm(part) / (0.01 * 0.2 * Math.sqrt(24));
        int rank = Math.min(B * T, width); // of the gradient
        assertTrue(size < 1.3 * Math.sqrt(width), size + " for " + width);
        assertTrue(size > 0.3 * Math.sqrt(rank) - 1, size + " for " + width);
        from += width;
      }
    }
  }

  @Test
  void theRestMovesByAdamW() {
    try (GPT model = Models.create(LLAMA, "plain", DType.FLOAT64, 1);
        GPT other = Models.create(LLAMA, "plain", DType.FLOAT64, 1);
        Training training = new Training(model, B, T, OPTIONS);
        Training adamw = new Training(other, B, T, ADAMW)) {
      step(training, 1);
      step(adamw, 1);
      for (String name : model.weights().names()) {
        boolean inLayer = name.startsWith("h.") && !model.weights().isVector(name);
        double[] expected = Models.values(other.weights().get(name));
        double[] got = Models.values(model.weights().get(name));
        assertEquals(!inLayer, Arrays.equals(expected, got), name);
        double[] second = Models.values(training.secondMoments().get(name));
        assertEquals(inLayer, Arrays.stream(second).allMatch(value -> value == 0), name);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "nd4j", "cuda"})
  void everyBackendMovesAlike(String backend) {
    try (GPT model = Models.create(LLAMA, backend, DType.FLOAT32, 2);
        GPT plain = Models.create(LLAMA, "plain", DType.FLOAT64, 1);
        Training training = new Training(model, B, T, OPTIONS);
        Training reference = new Training(plain, B, T, OPTIONS)) {
      for (int step = 1; step <= 3; step++) {
        step(training, step);
        step(reference, step);
      }
      for (String name : model.weights().names()) {
        double[] expected = Models.values(plain.weights().get(name));
        double[] got = Models.values(model.weights().get(name));
        double most = 3 * 0.01 * (Math.sqrt(24) * 0.2 + 1); // that an element may move
        assertArrayEquals(expected, got, 0.02 * most, name); // the polynomial enlarges rounding
      }
    }
  }

  @Test
  void frozenMatricesStay() {
    String[] frozen = {"h.0.attn.c_attn.weight", "h.1.mlp.c_fc.weight", "wte.weight"};
    try (GPT model = Models.create(LLAMA, "cpu", DType.FLOAT32, 1);
        GPT start = Models.create(LLAMA, "cpu", DType.FLOAT32, 1);
        Training training =
            new Training(model, B, T, OPTIONS, model.weights().layout().freeze(frozen))) {
      step(training, 1);
      for (String name : model.weights().names()) {
        double[] before = Models.values(start.weights().get(name));
        double[] after = Models.values(model.weights().get(name));
        assertEquals(Arrays.asList(frozen).contains(name), Arrays.equals(before, after), name);
      }
    }
  }
}
