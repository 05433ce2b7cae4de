package org.pygpt.kernels;

import static java.lang.foreign.MemorySegment.ofArray;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pygpt.support.Tolerances.BFLOAT16;
import static org.pygpt.support.Tolerances.ELEMENT;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.CsvSource;
import org.pygpt.backends.Backend;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Flat;
import org.pygpt.tensor.Memory;

/** AdamW with moments in bfloat16, of every backend, against float64 and the random bits. */
@ParameterizedClass(name = "{0}, {1} threads")
@CsvSource({"PLAIN, 1", "CPU, 1", "CPU, 3", "ND4J, 1", "CUDA, 1"})
class Bfloat16MomentsTest {
  private static final int N = 5003; // blocks of the cpu's kernel, and a part of one
  private static final long FIRST = (1L << 32) - 2500; // so that a call draws from two blocks

  @AutoClose private final Kernels kernels;

  Bfloat16MomentsTest(Backend backend, int threads) {
    kernels = backend.kernels(DType.FLOAT32, threads);
  }

  /** Weights, gradients and moments of an update. */
  private final class State implements AutoCloseable {
    final Flat weights = flat(DType.FLOAT32);
    final Flat gradients = flat(DType.FLOAT32);
    final Flat m = flat(DType.BFLOAT16);
    final Flat v = flat(DType.BFLOAT16);

    private Flat flat(DType dtype) {
      return Flat.of(kernels.device().allocate(dtype, N), dtype).part(0, N);
    }

    void fill(float[] w, float[] g, short[] first, short[] second) {
      weights.memory().write(DType.FLOAT32, 0, ofArray(w));
      gradients.memory().write(DType.FLOAT32, 0, ofArray(g));
      m.memory().write(DType.BFLOAT16, 0, ofArray(first));
      v.memory().write(DType.BFLOAT16, 0, ofArray(second));
    }

    /** An update of the elements from {@code from} to {@code to}. */
    void update(AdamStep step, int from, int to) {
      int length = to - from;
      kernels.adamW(
          at(step, FIRST + from),
          weights.part(from, length),
          gradients.part(from, length),
          m.part(from, length),
          v.part(from, length));
    }

    @Override
    public void close() {
      for (Flat flat : new Flat[] {weights, gradients, m, v}) {
        flat.memory().close();
      }
    }
  }

  private static AdamStep step(double beta2, int key) {
    return new AdamStep(0.01, 0.9, beta2, 1e-8, 0.1, 1.5, 2.5, 0.25, key, 0);
  }

  private static AdamStep at(AdamStep s, long first) {
    return new AdamStep(
        s.learningRate(),
        s.beta1(),
        s.beta2(),
        s.epsilon(),
        s.decay(),
        s.correction1(),
        s.correction2(),
        s.gradientScale(),
        s.key(),
        first);
  }

  private static short[] bits(Flat flat) {
    short[] bits = new short[(int) flat.length()];
    flat.memory().read(DType.BFLOAT16, flat.from(), ofArray(bits));
    return bits;
  }

  private static float[] floats(Memory memory) {
    float[] floats = new float[N];
    memory.read(DType.FLOAT32, 0, ofArray(floats));
    return floats;
  }

  private static void fillAtRandom(State state) {
    Random random = new Random(7);
    float[] w = new float[N];
    float[] g = new float[N];
    short[] m = new short[N];
    short[] v = new short[N];
    for (int i = 0; i < N; i++) {
      w[i] = (float) random.nextGaussian();
      g[i] = (float) random.nextGaussian();
      m[i] = DType.toBfloat16((float) random.nextGaussian());
      v[i] = DType.toBfloat16((float) Math.pow(random.nextGaussian(), 2));
    }
    state.fill(w, g, m, v);
  }

  @Test
  void updatesAreThoseOfFloat64ButForTheRoundingOfMoments() {
    try (State state = new State()) {
      fillAtRandom(state);
      float[] w = floats(state.weights.memory());
      float[] g = floats(state.gradients.memory());
      short[] m = bits(state.m);
      short[] v = bits(state.v);
      AdamStep step = at(step(0.95, CounterHash.key(17)), FIRST);
      state.update(step, 0, N);
      float[] weights = floats(state.weights.memory());
      short[] first = bits(state.m);
      short[] second = bits(state.v);
      int others = 0; // a last bit of float32 may decide otherwise, once in 2^16 times
      for (int i = 0; i < N; i++) {
        double gradient = g[i] * 0.25;
        double exactM = 0.9 * DType.fromBfloat16(m[i]) + 0.1 * gradient;
        double exactV = 0.95 * DType.fromBfloat16(v[i]) + 0.05 * gradient * gradient;
        double root = Math.sqrt(exactV * 2.5) + 1e-8;
        double moved = w[i] - 0.01 * (exactM * 1.5 / root + 0.1 * w[i]);
        assertEquals(moved, weights[i], ELEMENT * Math.max(1, Math.abs(moved)));
        near(exactM, first[i]);
        near(exactV, second[i]);
        int random = step.randomBits(i);
        others += DType.toBfloat16((float) exactM, random) == first[i] ? 0 : 1;
        others += DType.toBfloat16((float) exactV, random >>> 16) == second[i] ? 0 : 1;
      }
      assertTrue(others <= 10, others + " moments of " + 2 * N);
    }
  }

  private static void near(double exact, short got) {
    assertEquals(exact, DType.fromBfloat16(got), BFLOAT16 * Math.abs(exact));
  }

  @Test
  void partsOfAnArrayHaveTheBitsOfTheWhole() {
    try (State whole = new State();
        State parts = new State()) {
      fillAtRandom(whole);
      fillAtRandom(parts);
      for (int update = 1; update <= 3; update++) {
        AdamStep step = step(0.95, CounterHash.key(update));
        whole.update(step, 0, N);
        for (int[] part : new int[][] {{0, 1}, {1, 2048}, {2048, 3001}, {3001, N}}) {
          parts.update(step, part[0], part[1]);
        }
      }
      assertArrayEquals(bits(whole.m), bits(parts.m));
      assertArrayEquals(bits(whole.v), bits(parts.v));
      assertArrayEquals(floats(whole.weights.memory()), floats(parts.weights.memory()));
    }
  }

  @Test
  void secondMomentsFallAsTheyShould() { // rounded to the nearest, they would stay 1 for ever
    try (State state = new State()) {
      short[] ones = new short[N];
      Arrays.fill(ones, DType.toBfloat16(1));
      state.fill(new float[N], new float[N], new short[N], ones);
      assertEquals(ones[0], DType.toBfloat16(0.999f));
      for (int update = 1; update <= 300; update++) {
        state.update(step(0.999, CounterHash.key(update)), 0, N);
      }
      double sum = 0;
      for (short bits : bits(state.v)) {
        sum += DType.fromBfloat16(bits);
      }
      // an update moves one by 2^-8 as often as not, at most: in 300, of 5003, by 5e-4 on average
      assertEquals(Math.pow(0.999, 300), sum / N, 2e-3);
      assertArrayEquals(new short[N], bits(state.m)); // zeros stay zeros
    }
  }
}
