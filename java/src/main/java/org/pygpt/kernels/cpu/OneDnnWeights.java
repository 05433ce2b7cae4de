package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * oneDNN's C functions for weights of few bits: layouts that it chooses itself, copies into them,
 * and products of whole numbers. What is common to all products is in {@link OneDnn}.
 */
final class OneDnnWeights {
  // numbers of dnnl_types.h and dnnl_common_types.h
  static final int BFLOAT16 = 2; // dnnl_bf16
  static final int FLOAT32 = 3; // dnnl_f32
  static final int INT32 = 4; // dnnl_s32
  static final int INT8 = 5; // dnnl_s8
  static final int UINT8 = 6; // dnnl_u8
  private static final int ANY = 1; // dnnl_format_tag_any
  private static final int INT8_TILES = 388; // dnnl_BA16a64b4a
  private static final int BFLOAT16_TILES = 384; // dnnl_BA16a64b2a
  private static final int WEIGHTS_MD = 131; // dnnl_query_weights_md
  private static final int USER = 1; // dnnl_scratchpad_mode_user
  private static final int VNNI = 0x40; // a bit of dnnl_cpu_isa_avx512_core_vnni and later
  private static final int AVX2_VNNI = 0x08; // likewise of dnnl_cpu_isa_avx2_vnni

  private static final MethodHandle DESCRIBE =
      OneDnn.link(
          "dnnl_memory_desc_create_with_strides",
          JAVA_LONG,
          JAVA_INT,
          JAVA_LONG,
          JAVA_INT,
          JAVA_LONG);
  private static final MethodHandle DESCRIBE_TAGGED =
      OneDnn.link(
          "dnnl_memory_desc_create_with_tag", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT);
  private static final MethodHandle CLONE =
      OneDnn.link("dnnl_memory_desc_clone", JAVA_LONG, JAVA_LONG);
  private static final MethodHandle QUERY =
      OneDnn.of(
          "dnnl_primitive_desc_query_md",
          FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT));
  private static final MethodHandle ATTRIBUTES =
      OneDnn.link("dnnl_primitive_attr_create", JAVA_LONG);
  private static final MethodHandle SET_SCRATCHPAD =
      OneDnn.link("dnnl_primitive_attr_set_scratchpad_mode", JAVA_LONG, JAVA_INT);
  private static final MethodHandle FORGET_ATTRIBUTES =
      OneDnn.link("dnnl_primitive_attr_destroy", JAVA_LONG);
  private static final MethodHandle MATMUL =
      OneDnn.link(
          "dnnl_matmul_primitive_desc_create",
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG);
  private static final MethodHandle REORDER =
      OneDnn.link(
          "dnnl_reorder_primitive_desc_create",
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG);

  private OneDnnWeights() {}

  /** Whether this processor adds up products of bytes in one instruction. */
  static boolean hasInt8() {
    return (OneDnn.isa() & (VNNI | AVX2_VNNI)) != 0;
  }

  /** A matrix of this size and type of dnnl_types.h, one row after another. */
  static long describe(int type, long rows, long columns) {
    return describe(type, rows, columns, columns);
  }

  /** Likewise, each row {@code stride} numbers after the one before. */
  static long describe(int type, long rows, long columns, long stride) {
    try (Arena arena = Arena.ofConfined()) {
      long sizes = arena.allocateFrom(JAVA_LONG, rows, columns).address();
      long strides = arena.allocateFrom(JAVA_LONG, stride, 1).address();
      return OneDnn.made(out -> (int) DESCRIBE.invokeExact(out, 2, sizes, type, strides));
    }
  }

  /** A matrix that lies as the plan of a product finds best. */
  static long describeAny(int type, long rows, long columns) {
    return describeTagged(type, rows, columns, ANY);
  }

  /** Weights of int8, or else bfloat16, in the tiles of {@link CodedMatrix}. */
  static long describeTiles(boolean int8, long inputs, long outputs) {
    int type = int8 ? INT8 : BFLOAT16;
    return describeTagged(type, inputs, outputs, int8 ? INT8_TILES : BFLOAT16_TILES);
  }

  private static long describeTagged(int type, long rows, long columns, int tag) {
    try (Arena arena = Arena.ofConfined()) {
      long sizes = arena.allocateFrom(JAVA_LONG, rows, columns).address();
      return OneDnn.made(out -> (int) DESCRIBE_TAGGED.invokeExact(out, 2, sizes, type, tag));
    }
  }

  /** How the weights of a plan lie; a description of the caller's own. */
  static long layout(long plan) {
    long shared;
    try {
      shared = (long) QUERY.invokeExact(plan, WEIGHTS_MD, 0);
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
    return OneDnn.made(out -> (int) CLONE.invokeExact(out, shared));
  }

  /** A plan of the product target = source @ weights, all of them descriptions. */
  static long planMatMul(long source, long weights, long target) {
    long attributes = OneDnn.made(out -> (int) ATTRIBUTES.invokeExact(out));
    try {
      OneDnn.check(() -> (int) SET_SCRATCHPAD.invokeExact(attributes, USER));
      return OneDnn.made(out ->
          (int)
              MATMUL.invokeExact(out, OneDnn.CPU_ENGINE, source, weights, 0L, target, attributes));
    } finally {
      OneDnn.check(() -> (int) FORGET_ATTRIBUTES.invokeExact(attributes));
    }
  }

  /** Copies a matrix from one place and layout to another. */
  static void reorder(long from, MemorySegment source, long to, MemorySegment target) {
    long engine = OneDnn.CPU_ENGINE;
    long plan = OneDnn.made(out -> (int) REORDER.invokeExact(out, from, engine, to, engine, 0L));
    long primitive = OneDnn.primitive(plan);
    long stream = OneDnn.stream();
    long sourceMemory = OneDnn.memory(from);
    long targetMemory = OneDnn.memory(to);
    try (Arena arena = Arena.ofConfined()) {
      OneDnn.point(sourceMemory, source.address());
      OneDnn.point(targetMemory, target.address());
      OneDnn.execute(
          primitive,
          stream,
          OneDnn.arguments(arena, OneDnn.SOURCE, sourceMemory, OneDnn.TARGET, targetMemory));
    } finally {
      OneDnn.forgetMemory(sourceMemory);
      OneDnn.forgetMemory(targetMemory);
      OneDnn.forgetPrimitive(primitive);
      OneDnn.forgetStream(stream);
    }
  }
}
