package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.pygpt.kernels.WeightFormat;

/**
 * Immutable: a function that multiplies some rows by a tile of a {@link CodedMatrix}, as
 * instructions that this class writes. The Vector API has none for products of bytes, which are a
 * third of the work in float32; and what C2 makes of a loop over so many vectors takes seconds to
 * compile, and objects where it gives up.
 *
 * <p>A row of {@code x} is three digits of {@link Terms} or, for bfloat16, float32 numbers. Sums of
 * products of digits are whole numbers, so that they have the same bits in any order; those of
 * bfloat16 are added in the order of the inputs.
 */
final class TileCode {
  /** Outputs of a tile: four vectors. */
  static final int WIDTH = 64;

  /** Inputs of a word of int4. */
  static final int CODES = 8;

  // what a row has after its digits, as bytes from there on: its unit, and constants

  static final int UNIT = 0;
  private static final int LOW_BYTE = 4;
  private static final int NIBBLES = 8;
  private static final int EIGHTS = 12;
  private static final int TWO_8 = 16;
  private static final int TWO_16 = 20;
  private static final int CONSTANT_BYTES = 64;

  /** What is added to digits of int8, whose products take bytes without a sign on that side. */
  static final int DIGIT_OFFSET = 128;

  private static final int LANES = 16;
  private static final int LINE = 64; // bytes of a vector
  private static final int VECTORS = WIDTH / LANES;
  private static final int TERMS = Terms.COUNT;

  /** How far ahead weights are asked for. */
  private static final int AHEAD = 2048;

  private static final int WEIGHTS = Assembler.ARGUMENT_0;
  private static final int X = Assembler.ARGUMENT_1;
  private static final int COUNT = Assembler.ARGUMENT_2;
  private static final int OUT = Assembler.ARGUMENT_3;
  private static final int TABLE = Assembler.ARGUMENT_4;
  private static final int STRIDE = Assembler.ARGUMENT_5;

  /** All that were made; they are small, and serve every model of the process. */
  private static final Map<Kind, TileCode> ALL = new ConcurrentHashMap<>();

  private record Kind(WeightFormat format, int padded, int rows) {}

  private final MachineCode function;
  private final Assembler code = new Assembler();
  private final int padded;
  private final int rows;
  private final int rowBytes;

  private TileCode(Kind kind) {
    padded = kind.padded;
    rows = kind.rows;
    rowBytes = rowBytes(kind.format, padded);
    switch (kind.format) {
      case INT8 -> int8();
      case INT4 -> int4();
      case BFLOAT16 -> bfloat16();
    }
    code.end();
    function = MachineCode.of(code.bytes());
  }

  /** Whether this processor has the instructions, and the system lets them run. */
  private static final boolean AVAILABLE =
      System.getProperty("os.name").equals("Linux")
          && System.getProperty("os.arch").equals("amd64")
          && GemmLibrary.hasOneDnn()
          && OneDnn.hasVnni512()
          && MachineCode.isAvailable();

  static boolean isAvailable() {
    return AVAILABLE;
  }

  /** The function for so many rows, {@link #mostRows} at most, of so many inputs. */
  static TileCode of(WeightFormat format, int padded, int rows) {
    return ALL.computeIfAbsent(new Kind(format, padded, rows), TileCode::new);
  }

  /** Rows that it multiplies. */
  int rows() {
    return rows;
  }

  /** Rows whose sums fit into registers. */
  static int mostRows(WeightFormat format) {
    return switch (format) {
      case INT8 -> 2;
      case INT4 -> 1;
      case BFLOAT16 -> 6;
    };
  }

  /** Bytes of a row of x. */
  static int rowBytes(WeightFormat format, int padded) {
    return format == WeightFormat.BFLOAT16 ? padded * Float.BYTES : TERMS * padded + CONSTANT_BYTES;
  }

  /** Bytes that a tile has of its weights, and the scales among them. */
  static long tileBytes(WeightFormat format, int padded) {
    return format == WeightFormat.INT4
        ? (long) padded / WeightFormat.GROUP * int4GroupBytes()
        : (long) padded * WIDTH * format.bits() / Byte.SIZE;
  }

  static int int4GroupBytes() {
    return WIDTH * (Short.BYTES + WeightFormat.GROUP / 2);
  }

  /** Writes what a row has after its digits. */
  static void finish(MemorySegment x, long at, float unit) {
    x.set(JAVA_FLOAT, at + UNIT, unit);
    x.set(JAVA_INT, at + LOW_BYTE, 0xff);
    x.set(JAVA_INT, at + NIBBLES, 0x0f0f0f0f);
    x.set(JAVA_INT, at + EIGHTS, 0x08080808);
    x.set(JAVA_FLOAT, at + TWO_8, 0x1p8f);
    x.set(JAVA_FLOAT, at + TWO_16, 0x1p16f);
  }

  /**
   * Runs it; all but the stride are addresses.
   *
   * @param weights a tile
   * @param x the rows, one after another
   * @param out where 64 sums of the first row go; those of the next one {@code stride} bytes
   *     further
   * @param table of int8: what the tile's sums begin with, 64 int32, and then its scales, float32;
   *     of int4: what the row has after its digits
   */
  void run(long weights, long x, long out, long table, long stride) {
    function.call(weights, x, count, out, table, stride);
  }

  private int count; // how often the loop runs

  // ---- the loops -------------------------------------------------------------------------------

  /** Groups of four inputs: 64 outputs' bytes each. Sums are vectors 0 on, by row and term. */
  private void int8() {
    count = padded / 4;
    int weights = rows * TERMS * VECTORS;
    int digits = weights + VECTORS;
    for (int sum = 0; sum < weights; sum++) {
      code.load(sum, TABLE, sum % VECTORS * LINE);
    }
    int loop = code.here();
    for (int v = 0; v < VECTORS; v++) {
      code.load(weights + v, WEIGHTS, v * LINE);
      code.prefetch(WEIGHTS, AHEAD + v * LINE);
    }
    for (int plane = 0; plane < rows * TERMS; plane++) {
      int row = plane / TERMS;
      code.broadcast(digits, X, row * rowBytes + plane % TERMS * padded);
      for (int v = 0; v < VECTORS; v++) {
        code.addProducts(plane * VECTORS + v, digits, weights + v);
      }
    }
    code.addTo(WEIGHTS, VECTORS * LINE);
    code.addTo(X, Integer.BYTES);
    code.countDown(COUNT, loop);
    for (int row = 0; row < rows; row++) {
      joinInt8(row, weights);
    }
  }

  /** What {@link Terms#number} does, of whole vectors, with the same bits. */
  private void joinInt8(int row, int free) {
    int constants = row * rowBytes + (TERMS - 1) * padded; // X has passed the first digits
    int digit = free;
    int scale = free + 1;
    int rest = free + 2;
    int factor = free + 3;
    code.broadcast(digit, X, constants + LOW_BYTE);
    for (int v = 0; v < VECTORS; v++) {
      int high = row * TERMS * VECTORS + v;
      int middle = high + VECTORS;
      int low = middle + VECTORS;
      code.shiftRightSigned(rest, low, Byte.SIZE);
      code.add(middle, middle, rest);
      code.shiftRightSigned(rest, middle, Byte.SIZE);
      code.add(high, high, rest);
      code.and(middle, middle, digit);
      code.shiftLeft(middle, middle, Byte.SIZE);
      code.and(low, low, digit);
      code.or(low, low, middle);
      code.broadcast(factor, X, constants + UNIT);
      code.load(scale, TABLE, WIDTH * Integer.BYTES + v * LINE);
      code.multiply(scale, scale, factor);
      code.toFloat(low, low);
      code.multiply(low, low, scale);
      code.toFloat(high, high);
      code.broadcast(factor, X, constants + TWO_16);
      code.multiply(scale, scale, factor);
      code.fma(low, high, scale);
      code.store(low, OUT, v * LINE);
    }
    code.addRegister(OUT, STRIDE);
  }

  /**
   * Groups of 32 inputs: 64 outputs' scales, and four times words of eight inputs' codes plus 8, of
   * which the first four are the lower halves of the bytes. TABLE is where the constants are.
   */
  private void int4() {
    count = padded / WeightFormat.GROUP;
    int offsets = TERMS * VECTORS; // the sums of 8 times the digits, by term
    int sums = offsets + TERMS;
    int lower = sums + VECTORS;
    int upper = lower + VECTORS;
    int nibbles = upper + VECTORS;
    int eights = nibbles + 1;
    int digits = eights + 1;
    code.broadcast(nibbles, TABLE, NIBBLES);
    code.broadcast(eights, TABLE, EIGHTS);
    for (int v = 0; v < VECTORS; v++) {
      code.clear(sums + v);
    }
    int loop = code.here();
    for (int sum = 0; sum < sums; sum++) {
      code.clear(sum);
    }
    int scaleBytes = WIDTH * Short.BYTES;
    for (int block = 0; block < WeightFormat.GROUP / CODES; block++) {
      for (int v = 0; v < VECTORS; v++) {
        code.load(upper + v, WEIGHTS, scaleBytes + (block * VECTORS + v) * LINE);
        code.and(lower + v, upper + v, nibbles);
        code.shiftRight(upper + v, upper + v, WeightFormat.INT4.bits());
        code.and(upper + v, upper + v, nibbles);
      }
      int lines = int4GroupBytes() / LINE;
      int blocks = WeightFormat.GROUP / CODES;
      for (int line = lines * block / blocks; line < lines * (block + 1) / blocks; line++) {
        code.prefetch(WEIGHTS, AHEAD + line * LINE);
      }
      for (int term = 0; term < TERMS; term++) {
        for (int codes = lower; codes <= upper; codes += VECTORS) {
          int at = block * CODES + (codes == lower ? 0 : Integer.BYTES);
          code.broadcast(digits, X, term * padded + at);
          code.addProducts(offsets + term, eights, digits);
          for (int v = 0; v < VECTORS; v++) {
            code.addProducts(term * VECTORS + v, codes + v, digits);
          }
        }
      }
    }
    for (int v = 0; v < VECTORS; v++) {
      for (int term = 0; term < TERMS; term++) {
        int sum = term * VECTORS + v;
        code.subtract(sum, sum, offsets + term);
        code.toFloat(sum, sum);
      }
      int low = 2 * VECTORS + v;
      code.fma(low, VECTORS + v, TABLE, TWO_8);
      code.fma(low, v, TABLE, TWO_16);
      code.loadFloat16(digits, WEIGHTS, v * LINE / 2);
      code.fma(sums + v, low, digits);
    }
    code.addTo(WEIGHTS, int4GroupBytes());
    code.addTo(X, WeightFormat.GROUP);
    code.countDown(COUNT, loop);
    code.broadcast(digits, TABLE, UNIT);
    for (int v = 0; v < VECTORS; v++) {
      code.multiply(sums + v, sums + v, digits);
      code.store(sums + v, OUT, v * LINE);
    }
  }

  /** Groups of two inputs: 64 outputs' words, the first input in the lower half. */
  private void bfloat16() {
    count = padded / 2;
    int words = rows * VECTORS;
    int numbers = words + VECTORS;
    for (int sum = 0; sum < words; sum++) {
      code.clear(sum);
    }
    int loop = code.here();
    for (int v = 0; v < VECTORS; v++) {
      code.load(words + v, WEIGHTS, v * LINE);
      code.prefetch(WEIGHTS, AHEAD + v * LINE);
    }
    for (int input = 0; input < 2; input++) {
      for (int v = 0; v < VECTORS; v++) {
        int number = numbers + v % 2;
        if (input == 1) {
          code.shiftRight(words + v, words + v, Short.SIZE);
        }
        code.shiftLeft(number, words + v, Short.SIZE);
        for (int row = 0; row < rows; row++) {
          code.fma(row * VECTORS + v, number, X, row * rowBytes + input * Float.BYTES);
        }
      }
    }
    code.addTo(WEIGHTS, VECTORS * LINE);
    code.addTo(X, 2 * Float.BYTES);
    code.countDown(COUNT, loop);
    for (int row = 0; row < rows; row++) {
      for (int v = 0; v < VECTORS; v++) {
        code.store(row * VECTORS + v, OUT, v * LINE);
      }
      code.addRegister(OUT, STRIDE);
    }
  }
}
