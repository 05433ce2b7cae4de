package org.pygpt.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.pygpt.kernels.WeightFormat;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

/**
 * Mutable (scratch space, products that were compiled): any number of rows times an {@link
 * OneDnnMatrix}, by the processor's instructions for numbers of few bits.
 *
 * <p>Each number of x is split into {@link Terms}, which are multiplied as rows of their own: a
 * product of one row reads as much memory as one of three, and has the precision of float32. Sums
 * of int8 are exact, so that a row's bits are the same by any number of rows; those of bfloat16 are
 * added in the order of the inputs for any number.
 *
 * <p>Rows are taken in blocks, each padded to one of a few sizes, since every size is compiled.
 * Each worker has parts of the outputs; the last parts are taken by whoever is done first, as
 * memory does not serve all workers equally fast.
 */
final class OneDnnProducts implements AutoCloseable {
  /** Numbers of rows that products are compiled for. */
  private static final int[] SIZES = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128};

  private static final int BLOCK = SIZES[SIZES.length - 1];

  /** Rows that a layout is chosen for; other numbers read the same. */
  private static final int TYPICAL_ROWS = 8;

  private final Workers workers;
  private final Map<Shape, Layout> layouts = new HashMap<>();
  private final Map<Shape, OneDnnProduct> products = new HashMap<>();
  private final Scratch[] scratch;
  private HostMemory terms; // of all blocks of x
  private float[] units = new float[0]; // of the rows of x, for int8

  /** A shape of a product; of a layout with 0 rows. */
  private record Shape(WeightFormat format, int rows, int inputs, int outputs) {}

  /** How weights lie: oneDNN's description, and their size. */
  record Layout(long description, long bytes) {}

  /** Some rows of x, and for how many the product is. */
  private record Block(int first, int rows, int size) {}

  /** Mutable: arrays of one worker. */
  private static final class Scratch {
    private HostMemory sums; // (COUNT * size, width)
    private byte[] digits = new byte[0];
    private short[] parts = new short[0];
    private int[] whole = new int[0];

    /** Room for so many whole numbers. */
    int[] wholes(int numbers) {
      if (whole.length < numbers) {
        whole = new int[numbers];
      }
      return whole;
    }

    /** Makes room for so many terms. */
    void reserve(int numbers, boolean exact) {
      if (exact && digits.length < numbers) {
        digits = new byte[numbers];
      } else if (!exact && parts.length < numbers) {
        parts = new short[numbers];
      }
    }
  }

  OneDnnProducts(Workers workers) {
    this.workers = workers;
    scratch = new Scratch[workers.size()];
    for (int worker = 0; worker < scratch.length; worker++) {
      scratch[worker] = new Scratch();
    }
  }

  /** Whether this processor has instructions for products of a format. */
  static boolean has(WeightFormat format) {
    return GemmLibrary.hasOneDnn()
        && switch (format) {
          case INT4 -> false; // it widens them first, which takes longer than to read int8
          case INT8 -> OneDnnWeights.hasInt8();
          case BFLOAT16 -> OneDnn.hasBfloat16();
        };
  }

  Workers workers() {
    return workers;
  }

  /** oneDNN's number of a format's type. */
  static int type(WeightFormat format) {
    return format == WeightFormat.INT8 ? OneDnnWeights.INT8 : OneDnnWeights.BFLOAT16;
  }

  private static int sumType(WeightFormat format) {
    return format == WeightFormat.INT8 ? OneDnnWeights.INT32 : OneDnnWeights.FLOAT32;
  }

  /** How weights of this size lie. */
  Layout layout(WeightFormat format, int inputs, int outputs) {
    return layouts.computeIfAbsent(new Shape(format, 0, inputs, outputs), this::choose);
  }

  private Layout choose(Shape shape) {
    NativeGemm.useOneThread();
    int rows = Terms.COUNT * TYPICAL_ROWS;
    int type = type(shape.format);
    long x = OneDnnWeights.describe(type, rows, shape.inputs);
    long weights = OneDnnWeights.describeAny(type, shape.inputs, shape.outputs);
    long sums = OneDnnWeights.describe(sumType(shape.format), rows, shape.outputs);
    long plan = OneDnnWeights.planMatMul(x, weights, sums);
    long layout = OneDnnWeights.layout(plan);
    OneDnn.forgetPlan(plan);
    List.of(x, weights, sums).forEach(OneDnn::forgetDescription);
    long bytes = Math.ceilDiv(OneDnn.byteSize(layout), 64) * 64;
    return new Layout(layout, bytes);
  }

  private OneDnnProduct product(WeightFormat format, int size, int inputs, int outputs) {
    return products.computeIfAbsent(
        new Shape(format, size, inputs, outputs),
        shape -> {
          NativeGemm.useOneThread();
          return new OneDnnProduct(
              workers.size(),
              Terms.COUNT * size,
              inputs,
              outputs,
              type(format),
              layout(format, inputs, outputs).description(),
              sumType(format),
              outputs);
        });
  }

  /** out = x @ matrix, of the first {@code rows} rows. */
  void multiply(int rows, Tensor x, OneDnnMatrix matrix, Tensor out) {
    List<Block> blocks = blocks(rows);
    reserve(blocks, matrix);
    boolean exact = matrix.format() == WeightFormat.INT8;
    int inputs = matrix.inputs();
    Split split = new Split(this, blocks, x, matrix.padded(), exact);
    workers.run(split, rows, 1, Workers.workOf((long) rows * inputs));
    long work = (long) rows * inputs * matrix.outputs();
    OneDnnProduct[][] compiled = compiled(matrix, blocks);
    workers.divide(
        matrix.parts(),
        work,
        (worker, part) -> multiply(worker, matrix, part, blocks, compiled, out));
  }

  private static List<Block> blocks(int rows) {
    List<Block> blocks = new ArrayList<>();
    for (int first = 0; first < rows; first += BLOCK) {
      int count = Math.min(BLOCK, rows - first);
      int size = 0;
      while (SIZES[size] < count) {
        size++;
      }
      blocks.add(new Block(first, count, SIZES[size]));
    }
    return blocks;
  }

  /** The products of each block, with a whole part and with the last one. */
  private OneDnnProduct[][] compiled(OneDnnMatrix matrix, List<Block> blocks) {
    OneDnnProduct[][] compiled = new OneDnnProduct[blocks.size()][2];
    for (int b = 0; b < compiled.length; b++) {
      int size = blocks.get(b).size;
      int inputs = matrix.padded();
      WeightFormat format = matrix.format();
      compiled[b][0] = product(format, size, inputs, matrix.width());
      compiled[b][1] = product(format, size, inputs, matrix.width(matrix.parts() - 1));
    }
    return compiled;
  }

  private void reserve(List<Block> blocks, OneDnnMatrix matrix) {
    Block last = blocks.getLast();
    int rows = last.first + last.size;
    long bytes = (long) Terms.COUNT * rows * matrix.padded() * matrix.format().bits() / Byte.SIZE;
    terms = reserve(terms, bytes);
    if (units.length < rows) {
      units = new float[rows];
    }
    long sums = (long) Terms.COUNT * blocks.getFirst().size * matrix.width() * Float.BYTES;
    for (Scratch one : scratch) {
      one.sums = reserve(one.sums, sums);
    }
  }

  private static HostMemory reserve(HostMemory memory, long bytes) {
    if (memory != null && memory.byteSize() >= bytes) {
      return memory;
    }
    if (memory != null) {
      memory.close();
    }
    return HostDevice.host().allocate(bytes);
  }

  /**
   * Rows of x become terms.
   *
   * @param padded numbers of a row of terms
   */
  private record Split(
      OneDnnProducts products, List<Block> blocks, Tensor x, int padded, boolean exact)
      implements Team.Task {
    @Override
    public void run(int worker, int from, int to) {
      Staging staging = products.workers.staging(worker);
      boolean vectors = products.workers.roundedVectors();
      Scratch scratch = products.scratch[worker];
      scratch.reserve(Terms.COUNT * padded, exact);
      for (int row = from; row < to; row++) {
        float[] values = staging.read(0, x, row, 1);
        Block block = blocks.get(row / BLOCK);
        long first = (long) Terms.COUNT * block.first + row - block.first; // row of its first term
        int n = x.columns();
        if (exact) {
          float unit = Terms.unit(vectors, values, n);
          products.units[row] = unit;
          Terms.digits(vectors, values, n, unit, 0, scratch.wholes(n), scratch.digits, padded);
        } else {
          Terms.split(vectors, values, n, scratch.parts, padded);
        }
        for (int term = 0; term < Terms.COUNT; term++) {
          if (exact) {
            Arrays.fill(scratch.digits, term * padded + n, (term + 1) * padded, (byte) 0);
          } else {
            Arrays.fill(scratch.parts, term * padded + n, (term + 1) * padded, (short) 0);
          }
          write(scratch, term, (first + (long) term * block.size) * padded);
        }
      }
    }

    /** Copies a term of a row to where the product reads it. */
    private void write(Scratch scratch, int term, long at) {
      MemorySegment to = products.terms.segment();
      int from = term * padded;
      if (exact) {
        MemorySegment.copy(scratch.digits, from, to, JAVA_BYTE, at, padded);
      } else {
        MemorySegment.copy(scratch.parts, from, to, JAVA_SHORT, at * Short.BYTES, padded);
      }
    }
  }

  /** All rows times a part of the matrix. */
  private void multiply(
      int worker,
      OneDnnMatrix matrix,
      int part,
      List<Block> blocks,
      OneDnnProduct[][] compiled,
      Tensor out) {
    MemorySegment weights = matrix.part(part);
    int kind = part + 1 < matrix.parts() ? 0 : 1;
    long bytes = (long) matrix.padded() * matrix.format().bits() / Byte.SIZE; // of a row
    for (int b = 0; b < blocks.size(); b++) {
      Block block = blocks.get(b);
      long x = terms.address() + Terms.COUNT * block.first * bytes;
      compiled[b][kind].run(worker, x, weights.address(), scratch[worker].sums.address());
      join(worker, matrix, part, block, out);
    }
  }

  /** The sums of each row's terms become its outputs. */
  private void join(int worker, OneDnnMatrix matrix, int part, Block block, Tensor out) {
    boolean vectors = workers.roundedVectors();
    boolean exact = matrix.format() == WeightFormat.INT8;
    int n = matrix.width(part);
    int first = part * matrix.width();
    Staging staging = workers.staging(worker);
    MemorySegment sums = scratch[worker].sums.segment();
    float[] joined = staging.array(1, n);
    float[] parts = exact ? null : staging.array(2, Terms.COUNT * n);
    int[] whole = exact ? scratch[worker].wholes(Terms.COUNT * n) : null;
    long plane = (long) block.size * n * Integer.BYTES; // a sum has four bytes in either format
    for (int row = 0; row < block.rows; row++) {
      long at = (long) row * n * Integer.BYTES;
      if (exact) {
        float unit = units[block.first + row];
        Terms.join(vectors, sums, at, plane, n, unit, matrix.scales(), first, whole, joined);
      } else {
        Terms.join(vectors, sums, at, plane, n, parts, joined);
      }
      Staging.write(joined, out, first, n, block.first + row, 1);
    }
  }

  @Override
  public void close() {
    products.values().forEach(OneDnnProduct::close);
    products.clear();
    layouts.values().forEach(layout -> OneDnn.forgetDescription(layout.description));
    layouts.clear();
    for (Scratch one : scratch) {
      if (one.sums != null) {
        one.sums.close();
      }
    }
    if (terms != null) {
      terms.close();
    }
  }
}
