package org.pygpt.kernels;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.pygpt.backends.Backend;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;
import org.pygpt.train.AdamW;
import org.pygpt.train.Training;

/**
 * What starting kernels of backend cuda costs on our side: on the fake of its libraries, whose
 * calls return at once.
 *
 * <pre>{@code
 * make cuda-fake
 * PYGPT_CUDA=build/cuda-fake PYGPT_FAKE_CUDA=nothing \
 *     make bench-java ARGS="CudaLaunchBenchmark -prof gc"
 * }</pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
public class CudaLaunchBenchmark {
  private static final int T = 8;

  private final MatMul product = new MatMul(T, T, T, false, false, false);
  private final AttentionSpec spec = AttentionSpec.causal(1, T, 2, 2);
  private Kernels kernels;
  private Tensor x;
  private Tensor bias;
  private Tensor out;
  private Tensor logsumexp;
  private Heads heads;
  private GPT model;
  private Training training;

  @Setup
  public void open() {
    kernels = Backend.CUDA.kernels(DType.FLOAT32, 1);
    Inputs inputs = new Inputs(kernels.device());
    x = inputs.zeros(T, T);
    bias = inputs.zeros(1, T);
    out = inputs.zeros(T, T);
    logsumexp = inputs.zeros(2, T);
    heads = Heads.packed(inputs.zeros(T, 3 * T), 2, 2);
    model = GPT.create(GPTConfig.microgpt(16, 27, 1, 4, 16), "cuda", DType.FLOAT32, 1);
    training = new Training(model, 1, T, AdamW.NANOGPT);
    training.setBatch(new int[T], new int[T], 1, T);
  }

  @TearDown
  public void close() {
    training.close();
    model.close();
    kernels.close();
  }

  /** A kernel with five arguments. */
  @Benchmark
  public void bias() {
    kernels.bias(T, bias, x);
  }

  /** A kernel with forty numbers in a structure. */
  @Benchmark
  public void attention() {
    kernels.attention(spec, heads, null, out, logsumexp);
  }

  /** A product by cuBLASLt. */
  @Benchmark
  public void product() {
    kernels.gemm(product, x, x, out);
  }

  /** A step of the talk's model: forward, backward, clipping and AdamW. */
  @Benchmark
  public double step() {
    double loss = training.backward(1, T);
    training.update(1e-9);
    return loss;
  }
}
