package org.pygpt.kernels.cpu;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Immutable: the two products of one query's attention by a head of some columns, as instructions
 * that this class writes. Calling a library for each head of each sequence takes longer than these
 * products do.
 */
final class AttentionCode {
  private static final int LANES = 16;
  private static final int LINE = 64; // bytes of a vector

  /** A head of more columns does not fit into registers. */
  private static final int MOST_COLUMNS = 256;

  private static final int VECTOR = Assembler.ARGUMENT_0;
  private static final int ROWS = Assembler.ARGUMENT_1;
  private static final int COUNT = Assembler.ARGUMENT_2;
  private static final int OUT = Assembler.ARGUMENT_3;
  private static final int FACTOR = Assembler.ARGUMENT_4;
  private static final int STRIDE = Assembler.ARGUMENT_5;

  /** All that were made, by columns. */
  private static final Map<Integer, AttentionCode> ALL = new ConcurrentHashMap<>();

  private final MachineCode rowProducts;
  private final MachineCode sumOfRows;

  private AttentionCode(int columns) {
    rowProducts = rowProducts(columns / LANES);
    sumOfRows = sumOfRows(columns / LANES);
  }

  /** The functions for heads of so many columns; null if there are none. */
  static AttentionCode of(int columns) {
    boolean fits = columns % LANES == 0 && columns <= MOST_COLUMNS;
    return fits && TileCode.isAvailable() ? ALL.computeIfAbsent(columns, AttentionCode::new) : null;
  }

  /** The products of a query with each key: {@link OpenBlas#rowProducts}, all of it addresses. */
  void rowProducts(int rows, long factor, long a, int stride, long x, long y) {
    rowProducts.call(x, a, rows, y, factor, (long) stride * Float.BYTES);
  }

  /** The sum of values, each times its weight: {@link OpenBlas#sumOfRows}, all of it addresses. */
  void sumOfRows(int rows, long a, int stride, long x, long y) {
    sumOfRows.call(x, a, rows, y, 0, (long) stride * Float.BYTES);
  }

  private static MachineCode rowProducts(int vectors) {
    Assembler code = new Assembler();
    int factor = vectors;
    int sum = factor + 1;
    int other = sum + 1;
    for (int v = 0; v < vectors; v++) {
      code.load(v, VECTOR, v * LINE);
    }
    code.broadcast(factor, FACTOR, 0);
    int loop = code.here();
    code.clear(sum);
    for (int v = 0; v < vectors; v++) {
      code.fmaVector(sum, v, ROWS, v * LINE);
    }
    for (int distance = LANES / 2; distance > 0; distance /= 2) {
      code.swapLanes(other, sum, distance);
      code.addFloats(sum, sum, other);
    }
    code.multiply(sum, sum, factor);
    code.storeFirst(sum, OUT, 0);
    code.addTo(OUT, Float.BYTES);
    code.addRegister(ROWS, STRIDE);
    code.countDown(COUNT, loop);
    code.end();
    return MachineCode.of(code.bytes());
  }

  private static MachineCode sumOfRows(int vectors) {
    Assembler code = new Assembler();
    int weight = vectors;
    for (int v = 0; v < vectors; v++) {
      code.clear(v);
    }
    int loop = code.here();
    code.broadcast(weight, VECTOR, 0);
    for (int v = 0; v < vectors; v++) {
      code.fmaVector(v, weight, ROWS, v * LINE);
    }
    code.addTo(VECTOR, Float.BYTES);
    code.addRegister(ROWS, STRIDE);
    code.countDown(COUNT, loop);
    for (int v = 0; v < vectors; v++) {
      code.store(v, OUT, v * LINE);
    }
    code.end();
    return MachineCode.of(code.bytes());
  }
}
