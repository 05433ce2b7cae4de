package org.pygpt.train;

import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.pygpt.kernels.cpu.Contender;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.tensor.DType;

/**
 * A whole training step: batch, forward, loss, backward, clipping and AdamW, on two threads.
 *
 * <p>Eight batches of random tokens take turns. The learning rate is so small that 100,000 steps
 * move no weight by more than 1e-4: every invocation finds the same model, and no loss tends to
 * zero. With {@code -prof gc} the line {@code gc.alloc.rate.norm} shows what a step allocates: the
 * records that say what is to be done, some 250 bytes. It also has JMH's own objects, which weigh
 * more the fewer steps an iteration has, and views of tensors until C2 has removed them; so give a
 * large model long iterations, {@code -w 40s -r 15s}.
 *
 * <pre>{@code
 * make bench-java ARGS="StepBenchmark -p model=MAKEMORE -prof gc"
 * }</pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 2)
public class StepBenchmark {
  private static final int BATCHES = 8;
  private static final int THREADS = 2;
  private static final double RATE = 1e-9;

  /** A GPT-2 of these sizes, on batches of B sequences as long as its context. */
  public enum Model {
    MAKEMORE(27, 16, 4, 4, 64, 32),
    SHAKESPEARE_CPU(65, 64, 4, 4, 128, 12),
    CHAR(65, 256, 6, 6, 384, 8);

    private final int V;
    private final int T;
    private final int L;
    private final int H;
    private final int C;
    private final int B;

    Model(int V, int T, int L, int H, int C, int B) {
      this.V = V;
      this.T = T;
      this.L = L;
      this.H = H;
      this.C = C;
      this.B = B;
    }
  }

  @Param public Model model;

  private GPT gpt;
  private Training trainer;
  private int[][] batches; // (BATCHES, B * T)
  private int[][] targets; // (BATCHES, B * T)
  private int turn;

  @Setup
  public void open() {
    Contender.forceVectors();
    GPTConfig config = GPTConfig.gpt2(model.T, model.V, model.L, model.H, model.C);
    gpt = GPT.create(config, "cpu", DType.FLOAT32, THREADS);
    gpt.initialize(1);
    trainer = new Training(gpt, model.B, model.T, AdamW.NANOGPT);
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(1);
    batches = new int[BATCHES][];
    targets = new int[BATCHES][];
    for (int i = 0; i < BATCHES; i++) {
      batches[i] = random.ints(model.B * model.T, 0, model.V).toArray();
      targets[i] = random.ints(model.B * model.T, 0, model.V).toArray();
    }
  }

  @TearDown
  public void close() {
    trainer.close();
    gpt.close();
  }

  @Benchmark
  public double step() {
    turn = (turn + 1) % BATCHES;
    trainer.setBatch(batches[turn], targets[turn], model.B, model.T);
    double loss = trainer.backward(model.B, model.T);
    trainer.update(RATE);
    return loss;
  }
}
