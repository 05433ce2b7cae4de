package org.pygpt.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * Names and shapes of each architecture; tests/checkpoints/test_java_folders.py compares with
 * Python's.
 */
class ParametersTest {
  private static final GPTConfig GPT2 = GPTConfig.gpt2(7, 11, 1, 3, 15);
  private static final GPTConfig GATED =
      GPTConfig.gpt2(7, 11, 2, 6, 24)
          .with(
              Map.of(
                  "activation",
                  "swiglu",
                  "tie_weights",
                  false,
                  "n_kv_head",
                  2,
                  "n_inner",
                  17,
                  "final_norm",
                  false,
                  "embedding_norm",
                  true,
                  "positions",
                  "rotary"));

  static Stream<GPTConfig> configurations() {
    return Stream.of(GPT2, GATED, GPTConfig.microgpt(7, 11, 3, 3, 15));
  }

  @Test
  void shapesOfGpt2() {
    Map<String, List<Long>> expected = new LinkedHashMap<>();
    expected.put("wte.weight", List.of(11L, 15L));
    expected.put("wpe.weight", List.of(7L, 15L));
    expected.put("h.0.ln_1.weight", List.of(15L));
    expected.put("h.0.ln_1.bias", List.of(15L));
    expected.put("h.0.attn.c_attn.weight", List.of(15L, 45L));
    expected.put("h.0.attn.c_attn.bias", List.of(45L));
    expected.put("h.0.attn.c_proj.weight", List.of(15L, 15L));
    expected.put("h.0.attn.c_proj.bias", List.of(15L));
    expected.put("h.0.ln_2.weight", List.of(15L));
    expected.put("h.0.ln_2.bias", List.of(15L));
    expected.put("h.0.mlp.c_fc.weight", List.of(15L, 60L));
    expected.put("h.0.mlp.c_fc.bias", List.of(60L));
    expected.put("h.0.mlp.c_proj.weight", List.of(60L, 15L));
    expected.put("h.0.mlp.c_proj.bias", List.of(15L));
    expected.put("ln_f.weight", List.of(15L));
    expected.put("ln_f.bias", List.of(15L));
    assertInOrder(expected, Layout.of(GPT2).shapes());
  }

  @Test
  void shapesWithAGateGroupedQueriesAndAnOutputMatrix() {
    Map<String, List<Long>> expected = new LinkedHashMap<>();
    expected.put("wte.weight", List.of(11L, 24L));
    expected.put("ln_emb.weight", List.of(24L));
    expected.put("ln_emb.bias", List.of(24L));
    for (String block : List.of("h.0.", "h.1.")) {
      expected.put(block + "ln_1.weight", List.of(24L));
      expected.put(block + "ln_1.bias", List.of(24L));
      expected.put(block + "attn.c_attn.weight", List.of(24L, 24L + 2 * 8));
      expected.put(block + "attn.c_attn.bias", List.of(24L + 2 * 8));
      expected.put(block + "attn.c_proj.weight", List.of(24L, 24L));
      expected.put(block + "attn.c_proj.bias", List.of(24L));
      expected.put(block + "ln_2.weight", List.of(24L));
      expected.put(block + "ln_2.bias", List.of(24L));
      expected.put(block + "mlp.c_fc.weight", List.of(24L, 34L));
      expected.put(block + "mlp.c_fc.bias", List.of(34L));
      expected.put(block + "mlp.c_proj.weight", List.of(17L, 24L));
      expected.put(block + "mlp.c_proj.bias", List.of(24L));
    }
    expected.put("lm_head.weight", List.of(11L, 24L));
    assertInOrder(expected, Layout.of(GATED).shapes());
  }

  private static void assertInOrder(Map<String, List<Long>> expected, Map<String, List<Long>> got) {
    assertEquals(expected, got);
    assertEquals(new ArrayList<>(expected.keySet()), new ArrayList<>(got.keySet()));
  }

  @ParameterizedTest
  @MethodSource("configurations")
  void viewsHaveTheseShapesAndDoNotMeet(GPTConfig config) {
    Map<String, List<Long>> shapes = Layout.of(config).shapes();
    assertEquals(shapes.size(), LayoutTable.of(config).tensorCount());
    try (Parameters parameters =
        new Parameters(HostDevice.host(), Layout.of(config), DType.FLOAT32)) {
      assertEquals(new ArrayList<>(shapes.keySet()), parameters.names());
      assertEquals(BigInteger.valueOf(parameters.count()), LayoutTable.of(config).count());
      for (String name : parameters.names()) {
        Tensor tensor = parameters.get(name);
        boolean isVector = parameters.isVector(name);
        List<Long> shape =
            isVector
                ? List.of((long) tensor.columns())
                : List.of((long) tensor.rows(), (long) tensor.columns());
        assertEquals(shapes.get(name), shape, name);
        assertTrue(!isVector || tensor.rows() == 1, name);
        HostMemory.add(tensor, 0, 0, 1);
        HostMemory.add(tensor, tensor.rows() - 1, tensor.columns() - 1, 1);
      }
      for (String name : parameters.names()) { // no end of one is the end of another
        Tensor tensor = parameters.get(name);
        assertEquals(1, HostMemory.get(tensor, 0, 0), name);
        assertEquals(1, HostMemory.get(tensor, tensor.rows() - 1, tensor.columns() - 1), name);
      }
      assertFalse(parameters.has("h.9.ln_1.weight"));
    }
  }

  @Test
  void countsWhatNoMemoryHolds() {
    int most = Integer.MAX_VALUE;
    GPTConfig config =
        GPTConfig.gpt2(most, most, most, 1, 1)
            .with(
                Map.of(
                    "n_embd", most, "activation", "swiglu", "tie_weights", false, "n_inner", most));
    BigInteger C = BigInteger.valueOf(most);
    // 3 + 1 + 2 + 1 matrices and 2 * 2 + 3 + 1 + 2 + 1 vectors of a block; 3 and 2 around them
    BigInteger block =
        C.pow(2).multiply(BigInteger.valueOf(7)).add(C.multiply(BigInteger.valueOf(11)));
    BigInteger outer = C.pow(2).multiply(BigInteger.valueOf(3)).add(C.multiply(BigInteger.TWO));
    assertEquals(block.multiply(C).add(outer), LayoutTable.of(config).count());
    assertEquals(12L * most + 5, LayoutTable.of(config).tensorCount());
  }
}
