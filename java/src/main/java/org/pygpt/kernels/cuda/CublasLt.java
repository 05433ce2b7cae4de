package org.pygpt.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.pygpt.kernels.cuda.Libraries.function;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.HashMap;
import java.util.Map;
import org.pygpt.kernels.MatMul;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;

/**
 * Mutable (plans): matrix products by cuBLASLt. It takes column-major matrices, and a row-major one
 * is its transpose in column-major: so c = a @ b is computed as cᵀ = bᵀ @ aᵀ. What cuBLASLt is told
 * of a product, and the algorithm that it chose for it, are kept for the next one of that shape.
 *
 * @see <a href="https://docs.nvidia.com/cuda/cublas/">cuBLAS</a>
 */
final class CublasLt {
  static final String LIBRARY = "libcublasLt.so.13";

  private static final int COMPUTE_32F = 68; // float32 products and sums
  private static final int COMPUTE_32F_FAST_TF32 = 77;
  private static final int REAL_32F = 0; // cudaDataType_t
  private static final int REAL_16BF = 14;
  private static final int TRANSPOSE_A = 3; // cublasLtMatmulDescAttributes_t
  private static final int TRANSPOSE_B = 4;
  private static final int MAX_WORKSPACE_BYTES = 1; // cublasLtMatmulPreferenceAttributes_t
  private static final int RESULT_BYTES = 96; // cublasLtMatmulHeuristicResult_t, algorithm first

  /** One workspace and one stream: the same bits each time. */
  private static final long WORKSPACE_BYTES = 32 << 20;

  private final CudaDevice device;
  private final int compute;
  private final MethodHandle describe;
  private final MethodHandle describeSet;
  private final MethodHandle layout;
  private final MethodHandle preference;
  private final MethodHandle preferenceSet;
  private final MethodHandle heuristic;
  private final MethodHandle matmul;
  private final long handle;
  private final long workspace;
  private final MemorySegment one;
  private final MemorySegment zero;
  private final Map<Shape, Plan> plans = new HashMap<>();
  private final Shape sought = new Shape();

  /**
   * Mutable: what decides on a plan: the product, how far rows lie apart, and the numbers' types.
   * One object asks for all plans, so that a product allocates nothing.
   */
  private static final class Shape {
    private MatMul product;
    private int aStride;
    private int bStride;
    private int cStride;
    private DType factors;
    private DType result;

    Shape set(MatMul product, Tensor left, Tensor right, Tensor result) {
      this.product = product;
      aStride = left.rowStride();
      bStride = right.rowStride();
      cStride = result.rowStride();
      factors = left.dtype();
      this.result = result.dtype();
      return this;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Shape shape
          && product.equals(shape.product)
          && aStride == shape.aStride
          && bStride == shape.bStride
          && cStride == shape.cStride
          && factors == shape.factors
          && result == shape.result;
    }

    @Override
    public int hashCode() {
      return ((product.hashCode() * 31 + aStride) * 31 + bStride) * 31 + cStride;
    }
  }

  /** What cuBLASLt made for a shape; lives as long as the process. */
  record Plan(long description, long a, long b, long c, MemorySegment algorithm) {}

  /**
   * The library on a device.
   *
   * @param tf32 whether products may round their factors to TF32
   */
  CublasLt(SymbolLookup library, CudaDevice device, boolean tf32) {
    this.device = device;
    compute = tf32 ? COMPUTE_32F_FAST_TF32 : COMPUTE_32F;
    describe = function(library, "cublasLtMatmulDescCreate", ADDRESS, JAVA_INT, JAVA_INT);
    describeSet =
        function(
            library, "cublasLtMatmulDescSetAttribute", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
    layout =
        function(
            library,
            "cublasLtMatrixLayoutCreate",
            ADDRESS,
            JAVA_INT,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG);
    preference = function(library, "cublasLtMatmulPreferenceCreate", ADDRESS);
    preferenceSet =
        function(
            library,
            "cublasLtMatmulPreferenceSetAttribute",
            JAVA_LONG,
            JAVA_INT,
            ADDRESS,
            JAVA_LONG);
    heuristic =
        function(
            library,
            "cublasLtMatmulAlgoGetHeuristic",
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_INT,
            ADDRESS,
            ADDRESS);
    matmul =
        function(
            library,
            "cublasLtMatmul",
            JAVA_LONG,
            JAVA_LONG,
            ADDRESS,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            ADDRESS,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            ADDRESS,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG);
    MethodHandle create = function(library, "cublasLtCreate", ADDRESS);
    handle = made("cublasLtCreate", out -> (int) create.invokeExact(out));
    workspace = device.allocateAddress(WORKSPACE_BYTES);
    one = Arena.global().allocateFrom(JAVA_FLOAT, 1);
    zero = Arena.global().allocateFrom(JAVA_FLOAT, 0);
  }

  /** c (+)= op(a) @ op(b), in float32; both factors are float32 or both bfloat16, c is either. */
  synchronized void multiply(MatMul product, Tensor left, Tensor right, Tensor result) {
    Plan plan = plans.get(sought.set(product, left, right, result));
    if (plan == null) {
      Shape shape = new Shape().set(product, left, right, result);
      plan = plan(shape);
      plans.put(shape, plan);
    }
    device.multiply(
        plan,
        CudaMemory.address(left),
        CudaMemory.address(right),
        CudaMemory.address(result),
        product.add());
  }

  /** Starts the product of matrices at these addresses; gives its status. */
  int start(Plan plan, long a, long b, long c, boolean add) {
    MemorySegment beta = add ? one : zero;
    try {
      return (int)
          matmul.invokeExact(
              handle,
              plan.description,
              one,
              b,
              plan.a,
              a,
              plan.b,
              beta,
              c,
              plan.c,
              c,
              plan.c,
              plan.algorithm,
              workspace,
              WORKSPACE_BYTES,
              device.stream());
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }

  /** cuBLASLt's first matrix is b, its second a. */
  private Plan plan(Shape shape) {
    MatMul product = shape.product;
    boolean narrow = shape.factors == DType.BFLOAT16;
    int precision = narrow ? COMPUTE_32F : compute;
    long description =
        made(
            "cublasLtMatmulDescCreate",
            out -> (int) describe.invokeExact(out, precision, REAL_32F));
    setTranspose(description, TRANSPOSE_A, product.transposeB());
    setTranspose(description, TRANSPOSE_B, product.transposeA());
    int m = product.m();
    int n = product.n();
    int k = product.k();
    boolean firstTurned = product.transposeB();
    long first = layout(shape.factors, firstTurned ? k : n, firstTurned ? n : k, shape.bStride);
    boolean secondTurned = product.transposeA();
    long second = layout(shape.factors, secondTurned ? m : k, secondTurned ? k : m, shape.aStride);
    long result = layout(shape.result, n, m, shape.cStride);
    try (Arena arena = Arena.ofConfined()) {
      long wish = made("cublasLtMatmulPreferenceCreate", out -> (int) preference.invokeExact(out));
      MemorySegment bytes = arena.allocateFrom(JAVA_LONG, WORKSPACE_BYTES);
      check(
          "cublasLtMatmulPreferenceSetAttribute",
          () -> (int) preferenceSet.invokeExact(wish, MAX_WORKSPACE_BYTES, bytes, 8L));
      MemorySegment algorithm = Arena.global().allocate(RESULT_BYTES, 8);
      MemorySegment count = arena.allocate(JAVA_INT);
      check(
          "cublasLtMatmulAlgoGetHeuristic",
          () ->
              (int)
                  heuristic.invokeExact(
                      handle,
                      description,
                      first,
                      second,
                      result,
                      result,
                      wish,
                      1,
                      algorithm,
                      count));
      if (count.get(JAVA_INT, 0) == 0) {
        throw new CudaException("cuda: cuBLASLt has no algorithm for a product of " + product);
      }
      return new Plan(description, first, second, result, algorithm);
    }
  }

  private void setTranspose(long description, int attribute, boolean transpose) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocateFrom(JAVA_INT, transpose ? 1 : 0);
      check(
          "cublasLtMatmulDescSetAttribute",
          () -> (int) describeSet.invokeExact(description, attribute, value, 4L));
    }
  }

  private long layout(DType dtype, long rows, long columns, long stride) {
    int type = dtype == DType.BFLOAT16 ? REAL_16BF : REAL_32F;
    return made(
        "cublasLtMatrixLayoutCreate",
        out -> (int) layout.invokeExact(out, type, rows, columns, stride));
  }

  @FunctionalInterface
  private interface Call {
    int run() throws Throwable;
  }

  @FunctionalInterface
  private interface Output {
    int run(MemorySegment out) throws Throwable;
  }

  private static long made(String what, Output call) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      check(what, () -> call.run(out));
      return out.get(JAVA_LONG, 0);
    }
  }

  private static void check(String what, Call call) {
    try {
      check(what, call.run());
    } catch (CudaException error) {
      throw error;
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }

  /** Throws what a status other than success means. */
  static void check(String what, int status) {
    if (status != 0) {
      throw new CudaException("cuda: " + what + " failed with status " + status);
    }
  }
}
