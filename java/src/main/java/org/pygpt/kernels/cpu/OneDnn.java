package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.pygpt.tensor.DType;

/**
 * oneDNN's C functions around its primitives, called through the foreign-function API; the library
 * is loaded when this class is. Objects of oneDNN are their addresses.
 *
 * @see <a href="https://uxlfoundation.github.io/oneDNN/group_dnnl_api.html">oneDNN's API</a>
 */
final class OneDnn {
  // numbers of dnnl_types.h
  static final int SOURCE = 1; // DNNL_ARG_SRC
  static final int TARGET = 17; // DNNL_ARG_DST
  static final int WEIGHTS = 33; // DNNL_ARG_WEIGHTS
  static final int SCRATCHPAD = 80; // DNNL_ARG_SCRATCHPAD
  private static final int CPU = 1; // dnnl_cpu
  private static final int IN_ORDER = 1; // dnnl_stream_in_order
  private static final int USER = 1; // dnnl_scratchpad_mode_user
  private static final int SCRATCHPAD_MD = 136; // dnnl_query_scratchpad_md
  private static final int AVX512_VNNI = 0x40; // a bit of dnnl_cpu_isa_avx512_core_vnni and later
  private static final int AMX = 0x800; // a bit of dnnl_cpu_isa_avx512_core_amx and later
  private static final int AVX512_BF16 = 0x80; // a bit of dnnl_cpu_isa_avx512_core_bf16 and later

  private static final long ARGUMENT_BYTES = 16; // of a dnnl_exec_arg_t: int, padding, pointer

  private static final GemmLibrary LIBRARY = NativeGemm.library();
  private static final MethodHandle ISA = link("dnnl_get_effective_cpu_isa");
  private static final MethodHandle ENGINE =
      link("dnnl_engine_create", JAVA_LONG, JAVA_INT, JAVA_LONG);
  private static final MethodHandle STREAM =
      link("dnnl_stream_create", JAVA_LONG, JAVA_LONG, JAVA_INT);
  private static final MethodHandle FORGET_STREAM = link("dnnl_stream_destroy", JAVA_LONG);
  private static final MethodHandle DESCRIBE =
      link(
          "dnnl_memory_desc_create_with_strides",
          JAVA_LONG,
          JAVA_INT,
          JAVA_LONG,
          JAVA_INT,
          JAVA_LONG);
  private static final MethodHandle FORGET_DESCRIPTION =
      link("dnnl_memory_desc_destroy", JAVA_LONG);
  private static final MethodHandle SIZE =
      of("dnnl_memory_desc_get_size", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG));
  private static final MethodHandle MEMORY =
      link("dnnl_memory_create", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle POINT =
      link("dnnl_memory_set_data_handle", JAVA_LONG, JAVA_LONG);
  private static final MethodHandle FORGET_MEMORY = link("dnnl_memory_destroy", JAVA_LONG);
  private static final MethodHandle ATTRIBUTES = link("dnnl_primitive_attr_create", JAVA_LONG);
  private static final MethodHandle SET_SCRATCHPAD =
      link("dnnl_primitive_attr_set_scratchpad_mode", JAVA_LONG, JAVA_INT);
  private static final MethodHandle SET_POST_OPS =
      link("dnnl_primitive_attr_set_post_ops", JAVA_LONG, JAVA_LONG);
  private static final MethodHandle FORGET_ATTRIBUTES =
      link("dnnl_primitive_attr_destroy", JAVA_LONG);
  private static final MethodHandle POST_OPS = link("dnnl_post_ops_create", JAVA_LONG);
  private static final MethodHandle APPEND_SUM =
      link("dnnl_post_ops_append_sum", JAVA_LONG, JAVA_FLOAT, JAVA_INT, JAVA_INT);
  private static final MethodHandle FORGET_POST_OPS = link("dnnl_post_ops_destroy", JAVA_LONG);
  private static final MethodHandle MATMUL =
      link(
          "dnnl_matmul_primitive_desc_create",
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG);
  private static final MethodHandle QUERY =
      of(
          "dnnl_primitive_desc_query_md",
          FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT));
  private static final MethodHandle FORGET_PLAN = link("dnnl_primitive_desc_destroy", JAVA_LONG);
  private static final MethodHandle PRIMITIVE = link("dnnl_primitive_create", JAVA_LONG, JAVA_LONG);
  private static final MethodHandle FORGET_PRIMITIVE = link("dnnl_primitive_destroy", JAVA_LONG);
  private static final MethodHandle EXECUTE =
      link("dnnl_primitive_execute", JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG);
  static final long CPU_ENGINE = made(out -> (int) ENGINE.invokeExact(out, CPU, 0L));

  private OneDnn() {}

  /** A call that stores the address of what it makes at {@code out}; returns oneDNN's status. */
  interface Maker {
    int make(long out) throws Throwable;
  }

  interface Call {
    int run() throws Throwable;
  }

  static MethodHandle link(String name, MemoryLayout... arguments) {
    return of(name, FunctionDescriptor.of(JAVA_INT, arguments));
  }

  @SuppressWarnings("restricted")
  static MethodHandle of(String name, FunctionDescriptor signature) {
    MemorySegment function = LIBRARY.symbols().findOrThrow(name);
    return Linker.nativeLinker().downcallHandle(function, signature);
  }

  static long made(Maker maker) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      check(() -> maker.make(out.address()));
      return out.get(JAVA_LONG, 0);
    }
  }

  static void check(Call call) {
    int status;
    try {
      status = call.run();
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
    if (status != 0) {
      throw new IllegalStateException("oneDNN failed with status " + status);
    }
  }

  /** Whether this processor multiplies numbers of bfloat16, as oneDNN is allowed to use it. */
  static boolean hasBfloat16() {
    return (isa() & AVX512_BF16) != 0;
  }

  /** Whether this processor adds up products of bytes in vectors of 64 bytes. */
  static boolean hasVnni512() {
    return (isa() & AVX512_VNNI) != 0;
  }

  /** Whether this processor multiplies whole tiles. */
  static boolean hasAmx() {
    return (isa() & AMX) != 0;
  }

  /** The instructions that oneDNN may use, as bits of dnnl_cpu_isa_t. */
  static int isa() {
    try {
      return (int) ISA.invokeExact();
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }

  /** A new stream, on which one thread at a time runs primitives. */
  static long stream() {
    return made(out -> (int) STREAM.invokeExact(out, CPU_ENGINE, IN_ORDER));
  }

  /** Frees what {@link #stream} made. */
  static void forgetStream(long stream) {
    check(() -> (int) FORGET_STREAM.invokeExact(stream));
  }

  /** A matrix of this size and type, whose element (i, j) is i * row + j * column elements away. */
  static long describe(DType dtype, long rows, long columns, long row, long column) {
    int type =
        switch (dtype) {
          case BFLOAT16 -> 2; // dnnl_bf16
          case FLOAT32 -> 3; // dnnl_f32
          default -> throw new IllegalArgumentException("dtype: no matrix product of " + dtype);
        };
    try (Arena arena = Arena.ofConfined()) {
      long sizes = arena.allocateFrom(JAVA_LONG, rows, columns).address();
      long strides = arena.allocateFrom(JAVA_LONG, row, column).address();
      return made(out -> (int) DESCRIBE.invokeExact(out, 2, sizes, type, strides));
    }
  }

  /** Frees what {@link #describe} made. */
  static void forgetDescription(long description) {
    check(() -> (int) FORGET_DESCRIPTION.invokeExact(description));
  }

  /** A plan of the product target (+)= source @ weights, all of them descriptions. */
  static long planMatMul(long source, long weights, long target, boolean add) {
    long attributes = made(out -> (int) ATTRIBUTES.invokeExact(out));
    long postOps = made(out -> (int) POST_OPS.invokeExact(out));
    try {
      check(() -> (int) SET_SCRATCHPAD.invokeExact(attributes, USER));
      if (add) {
        check(() -> (int) APPEND_SUM.invokeExact(postOps, 1f, 0, 0));
        check(() -> (int) SET_POST_OPS.invokeExact(attributes, postOps));
      }
      return made(out ->
          (int) MATMUL.invokeExact(out, CPU_ENGINE, source, weights, 0L, target, attributes));
    } finally {
      check(() -> (int) FORGET_POST_OPS.invokeExact(postOps));
      check(() -> (int) FORGET_ATTRIBUTES.invokeExact(attributes));
    }
  }

  /** The description of the scratch space that a plan needs, shared. */
  static long scratchpad(long plan) {
    try {
      return (long) QUERY.invokeExact(plan, SCRATCHPAD_MD, 0);
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }

  /** Size in bytes of what a description describes. */
  static long byteSize(long description) {
    try {
      return (long) SIZE.invokeExact(description);
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }

  /** Compiles a plan, and frees it. */
  static long primitive(long plan) {
    try {
      return made(out -> (int) PRIMITIVE.invokeExact(out, plan));
    } finally {
      check(() -> (int) FORGET_PLAN.invokeExact(plan));
    }
  }

  /** Frees a plan that is not compiled. */
  static void forgetPlan(long plan) {
    check(() -> (int) FORGET_PLAN.invokeExact(plan));
  }

  /** Frees what {@link #primitive} made. */
  static void forgetPrimitive(long primitive) {
    check(() -> (int) FORGET_PRIMITIVE.invokeExact(primitive));
  }

  /** Memory as described, which lies nowhere yet. */
  static long memory(long description) {
    return made(out -> (int) MEMORY.invokeExact(out, description, CPU_ENGINE, 0L));
  }

  /** Frees what {@link #memory} made. */
  static void forgetMemory(long memory) {
    check(() -> (int) FORGET_MEMORY.invokeExact(memory));
  }

  /** Says at which address memory lies from now on. */
  static void point(long memory, long address) {
    int status;
    try {
      status = (int) POINT.invokeExact(memory, address);
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
    if (status != 0) {
      throw new IllegalStateException("oneDNN failed with status " + status);
    }
  }

  /** Room for the arguments of a primitive: (which, memory) of each. */
  static MemorySegment arguments(Arena arena, long... whichAndMemory) {
    int count = whichAndMemory.length / 2;
    MemorySegment arguments = arena.allocate(count * ARGUMENT_BYTES, Long.BYTES);
    for (int i = 0; i < count; i++) {
      arguments.set(JAVA_INT, i * ARGUMENT_BYTES, (int) whichAndMemory[2 * i]);
      arguments.set(JAVA_LONG, i * ARGUMENT_BYTES + Long.BYTES, whichAndMemory[2 * i + 1]);
    }
    return arguments;
  }

  /** Runs a primitive on the calling thread alone. */
  static void execute(long primitive, long stream, MemorySegment arguments) {
    NativeGemm.useOneThread();
    int count = (int) (arguments.byteSize() / ARGUMENT_BYTES);
    int status;
    try {
      status = (int) EXECUTE.invokeExact(primitive, stream, count, arguments.address());
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
    if (status != 0) {
      throw new IllegalStateException("oneDNN's product failed with status " + status);
    }
  }
}
