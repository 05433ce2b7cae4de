package org.pygpt.python;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.pygpt.support.Golden;
import org.pygpt.support.Tolerances;

/** The stream, beside CPython's answers in tests/golden. */
class PythonRandomTest {
  static Stream<JsonNode> streams() throws IOException {
    return Golden.stream(Golden.json("python_answers.json").get("streams"));
  }

  @ParameterizedTest
  @MethodSource("streams")
  void isCpythons(JsonNode answers) throws IOException {
    PythonRandom random = new PythonRandom(new BigInteger(answers.get("seed").textValue(), 16));
    double[] uniform = IntStream.range(0, 5).mapToDouble(_ -> random.random()).toArray();
    assertArrayEquals(Golden.doubles(answers.get("random")), uniform);
    for (double expected : Golden.doubles(answers.get("gauss"))) {
      assertGauss(expected, random.gauss(0.5, 3));
    }
    List<Integer> items = new ArrayList<>(IntStream.range(0, 17).boxed().toList());
    random.shuffle(items);
    assertArrayEquals(
        Golden.ints(answers.get("shuffle")), items.stream().mapToInt(Integer::intValue).toArray());
    int[] bits = IntStream.range(1, 32).map(random::getrandbits).toArray();
    assertArrayEquals(Golden.ints(answers.get("getrandbits")), bits);
    double[] weights = Golden.doubles(Golden.json("python_answers.json").get("weights"));
    for (int chosen : Golden.ints(answers.get("choices"))) { // by the sums of the weights
      double point = random.random() * Arrays.stream(weights).sum();
      assertTrue(point >= Arrays.stream(weights, 0, chosen).sum());
      assertTrue(point < Arrays.stream(weights, 0, chosen + 1).sum());
    }
    for (double expected : Golden.doubles(answers.get("later_gauss"))) {
      assertGauss(expected, random.gauss(0, 0.08));
    }
    double[] later = IntStream.range(0, 1021).mapToDouble(_ -> random.random()).toArray();
    assertEquals(answers.get("later_random").doubleValue(), later[1020]);
  }

  private static void assertGauss(double expected, double got) {
    // Where the mean cancels most of the number, the error is that of the number before.
    assertEquals(expected, got, Tolerances.GAUSS_RELATIVE * Math.max(0.5, Math.abs(expected)));
  }

  @Test
  void rangeRejectsDrawsOutsideOfIt() {
    PythonRandom random = new PythonRandom(5);
    PythonRandom bits = new PythonRandom(-5); // the same stream
    for (int i = 0; i < 207; i++) {
      int expected = bits.getrandbits(3);
      while (expected >= 5) {
        expected = bits.getrandbits(3);
      }
      assertEquals(expected, random.randrange(5));
    }
    assertEquals(0, random.randrange(1));
  }
}
