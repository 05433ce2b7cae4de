package org.pygpt.kernels;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
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
import org.pygpt.tensor.Tensor;

/**
 * Matrix products of the shapes that training has. The result is overwritten, so no invocation sees
 * what another left. The line {@code multiply:gigaflops} is the rate in GFLOP/s: 2 m n k operations
 * a product.
 *
 * <pre>{@code
 * make bench-java ARGS="GemmBenchmark -p product=CHAR_DX -p contender=VECTORS,VECTORS_2"
 * }</pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class GemmBenchmark {
  /** op(a) @ op(b), (m, k) @ (k, n) -> (m, n); N as stored, T transposed. */
  public enum Product {
    ONE_HEAD(false, false, 16, 16, 16),
    MAKEMORE_QKV(false, true, 256, 192, 64),
    MAKEMORE_DW(true, false, 256, 64, 256),
    SHAKESPEARE_DW(true, false, 512, 128, 384),
    CHAR_DX(false, false, 1024, 384, 1536),
    GPT2_DX(false, false, 128, 768, 2304),
    GPT2_HEAD(false, true, 128, 50304, 768);

    private final boolean transposeA;
    private final boolean transposeB;
    private final int m;
    private final int n;
    private final int k;

    Product(boolean transposeA, boolean transposeB, int m, int n, int k) {
      this.transposeA = transposeA;
      this.transposeB = transposeB;
      this.m = m;
      this.n = n;
      this.k = k;
    }
  }

  /** Mutable: operations of the running iteration, which JMH divides by its time. */
  @AuxCounters
  @State(Scope.Thread)
  public static class Work {
    public double gigaflops;
  }

  @Param public Product product;

  @Param({"VECTORS", "VECTORS_2", "ND4J"})
  public Contender contender;

  private Kernels kernels;
  private Tensor a;
  private Tensor b;
  private Tensor c;

  @Setup
  public void open() throws InterruptedException {
    kernels = contender.open();
    Inputs inputs = new Inputs(kernels.device());
    a =
        product.transposeA
            ? inputs.normal(product.k, product.m)
            : inputs.normal(product.m, product.k);
    b =
        product.transposeB
            ? inputs.normal(product.n, product.k)
            : inputs.normal(product.k, product.n);
    c = inputs.zeros(product.m, product.n);
  }

  @TearDown
  public void close() {
    kernels.close();
  }

  @Benchmark
  public Tensor multiply(Work work) {
    Product p = product;
    kernels.gemm(new MatMul(p.m, p.n, p.k, p.transposeA, p.transposeB, false), a, b, c);
    work.gigaflops += 2e-9 * p.m * p.n * p.k;
    return c;
  }
}
