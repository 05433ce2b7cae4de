package org.pygpt.kernels.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.Map;
import org.pygpt.kernels.MatMul;
import org.pygpt.tensor.DType;

/**
 * Mutable: what one worker needs for products of bfloat16 by oneDNN's matmul, whose sums are
 * float32: those that are compiled, which takes a millisecond for each shape, and memory beside the
 * heap, since oneDNN cannot read that of Java.
 */
final class Bfloat16Products implements AutoCloseable {
  private static final int ROOMS = 4;
  private static final int MOST_PRODUCTS = 1024;
  private static final long PAGE_BYTES = 4096;

  private final long stream = OneDnn.stream();
  private final Map<Key, Product> compiled = new LinkedHashMap<>(64, 0.75f, true);
  private final Room scratch = new Room();
  private final Room[] rooms = new Room[ROOMS];

  Bfloat16Products() {
    for (int slot = 0; slot < ROOMS; slot++) {
      rooms[slot] = new Room();
    }
  }

  /**
   * What a product is compiled for.
   *
   * @param aStride elements between rows of a as it lies, as for b and c
   * @param target bfloat16 or float32
   */
  private record Key(MatMul shape, int aStride, int bStride, int cStride, DType target) {}

  /** Mutable: memory that grows. */
  private static final class Room {
    private Arena arena = Arena.ofShared();
    private MemorySegment segment = arena.allocate(PAGE_BYTES, PAGE_BYTES);

    MemorySegment of(long bytes) {
      if (bytes > segment.byteSize()) {
        arena.close();
        arena = Arena.ofShared();
        segment = arena.allocate(Math.max(bytes, PAGE_BYTES), PAGE_BYTES);
      }
      return segment;
    }
  }

  /** At least so many bytes with the previous content of that slot, unless they are new. */
  MemorySegment room(int slot, long bytes) {
    return rooms[slot].of(bytes);
  }

  /**
   * c (+)= op(a) @ op(b) on the calling thread, of matrices at these addresses.
   *
   * @param aStride elements between rows of a as it lies, as for b and c
   * @param target dtype of c: bfloat16 or float32
   */
  void run(
      MatMul shape, long a, int aStride, long b, int bStride, long c, int cStride, DType target) {
    Key key = new Key(shape, aStride, bStride, cStride, target);
    Product product = compiled.get(key);
    if (product == null) {
      product = new Product(key);
      compiled.put(key, product);
      if (compiled.size() > MOST_PRODUCTS) {
        Key eldest = compiled.keySet().iterator().next();
        compiled.remove(eldest).close();
      }
    }
    product.run(stream, a, b, c, scratch.of(product.scratchBytes).address());
  }

  /** A compiled product, and the objects that say where its matrices lie. */
  private static final class Product implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final long primitive;
    private final long a;
    private final long b;
    private final long c;
    private final long scratch;
    private final long scratchBytes;
    private final MemorySegment arguments;

    Product(Key key) {
      MatMul s = key.shape();
      long aMatrix = matrix(DType.BFLOAT16, s.m(), s.k(), s.transposeA(), key.aStride());
      long bMatrix = matrix(DType.BFLOAT16, s.k(), s.n(), s.transposeB(), key.bStride());
      long cMatrix = matrix(key.target(), s.m(), s.n(), false, key.cStride());
      long plan = OneDnn.planMatMul(aMatrix, bMatrix, cMatrix, s.add());
      long scratchpad = OneDnn.scratchpad(plan); // a part of the plan
      scratchBytes = OneDnn.byteSize(scratchpad);
      a = OneDnn.memory(aMatrix);
      b = OneDnn.memory(bMatrix);
      c = OneDnn.memory(cMatrix);
      scratch = OneDnn.memory(scratchpad);
      primitive = OneDnn.primitive(plan);
      OneDnn.forgetDescription(aMatrix);
      OneDnn.forgetDescription(bMatrix);
      OneDnn.forgetDescription(cMatrix);
      arguments =
          OneDnn.arguments(
              arena,
              OneDnn.SOURCE,
              a,
              OneDnn.WEIGHTS,
              b,
              OneDnn.TARGET,
              c,
              OneDnn.SCRATCHPAD,
              scratch);
    }

    private static long matrix(DType dtype, int rows, int columns, boolean transposed, int stride) {
      return transposed
          ? OneDnn.describe(dtype, rows, columns, 1, stride)
          : OneDnn.describe(dtype, rows, columns, stride, 1);
    }

    void run(long stream, long aAt, long bAt, long cAt, long scratchAt) {
      OneDnn.point(a, aAt);
      OneDnn.point(b, bAt);
      OneDnn.point(c, cAt);
      OneDnn.point(scratch, scratchAt);
      OneDnn.execute(primitive, stream, arguments);
    }

    @Override
    public void close() {
      OneDnn.forgetMemory(a);
      OneDnn.forgetMemory(b);
      OneDnn.forgetMemory(c);
      OneDnn.forgetMemory(scratch);
      OneDnn.forgetPrimitive(primitive);
      arena.close();
    }
  }

  @Override
  public void close() {
    compiled.values().forEach(Product::close);
    compiled.clear();
    scratch.arena.close();
    for (Room room : rooms) {
      room.arena.close();
    }
    OneDnn.forgetStream(stream);
  }
}
