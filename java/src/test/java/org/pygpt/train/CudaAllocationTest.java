package org.pygpt.train;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.support.Models;
import org.pygpt.tensor.DType;

/** What a training step on a card leaves to the garbage collector: nothing for each launch. */
class CudaAllocationTest {
  private static final int T = 7;
  private static final int V = 11;
  private static final int FEW = 1; // layers
  private static final int MANY = 3;
  private static final int UNCOUNTED = 6; // steps in which graphs are recorded and calls linked
  private static final int COUNTED = 10;
  private static final int SMALLEST_OBJECT = 16;

  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  static Stream<Arguments> models() {
    GPTConfig gpt2 = GPTConfig.gpt2(T, V, FEW, 3, 24).with(Map.of("dropout", 0.1));
    return Stream.of(
        Arguments.of(GPTConfig.microgpt(T, V, FEW, 4, 16), DType.FLOAT32),
        Arguments.of(gpt2, DType.FLOAT32),
        Arguments.of(gpt2, DType.BFLOAT16),
        Arguments.of(Models.llama(0), DType.FLOAT32));
  }

  @ParameterizedTest
  @MethodSource("models")
  void moreLayersAllocateNoMore(GPTConfig config, DType dtype) {
    long few = Long.MAX_VALUE;
    long many = Long.MAX_VALUE;
    try (GPT small = model(config, FEW);
        GPT large = model(config, MANY);
        Training first = training(small, dtype);
        Training second = training(large, dtype)) {
      for (int step = 0; step < UNCOUNTED + COUNTED; step++) {
        long fewer = bytesOfStep(first, step);
        long more = bytesOfStep(second, step);
        if (step >= UNCOUNTED) { // the least, since the JVM may compile and link at any time
          few = Math.min(few, fewer);
          many = Math.min(many, more);
        }
      }
    }
    String what = String.format("%d bytes of %d layers, %d of %d", few, FEW, many, MANY);
    assertTrue(many - few < SMALLEST_OBJECT * (MANY - FEW), what);
  }

  private static GPT model(GPTConfig config, int layers) {
    return GPT.create(config.with(Map.of("n_layer", layers)), "cuda", DType.FLOAT32, 1);
  }

  private static Training training(GPT model, DType dtype) {
    return new Training(model, 1, T, AdamW.NANOGPT, model.weights().layout(), dtype);
  }

  /** What this thread allocates in a step, whose rate is a new one: so nodes of graphs change. */
  private long bytesOfStep(Training training, int step) {
    int[] ids = new int[T];
    long before = threads.getCurrentThreadAllocatedBytes();
    training.setBatch(ids, ids, 1, T);
    training.backward(1, T);
    training.update(1e-3 / (step + 1));
    return threads.getCurrentThreadAllocatedBytes() - before;
  }
}
