package org.pygpt.kernels.cuda;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Mutable: what a card is asked to do, in its order: kernels, products and bytes to be zeroed, with
 * their arguments. Adding allocates nothing.
 *
 * <p>Two lists are equal if they are the same work but for the arguments and the number of blocks
 * of kernels: what a graph of the one can be changed to, node by node.
 */
final class WorkList {
  /** Entries at most. */
  static final int MOST = 1024;

  /** The largest number of arguments of an entry. */
  static final int MOST_NUMBERS = 64;

  private static final int NUMBERS = 32 * MOST;
  private static final int SHAPE = 6; // grid x, y, z, block x, y, bytes of shared memory
  private static final int BLOCK = 3; // the first that a graph cannot change
  private static final Object ZERO = new Object();

  private final Object[] kinds; // a Function, a plan of a product, or ZERO
  private final int[] shapes;
  private final int[] starts; // of each entry's numbers
  private final int[] parameterStarts; // of each kernel's addresses of arguments
  private final MemorySegment numbers;
  private final MemorySegment parameters; // null in a copy, which starts nothing
  private int size;
  private int structure; // hash of what equals compares

  /** An empty list. */
  WorkList() {
    kinds = new Object[MOST];
    shapes = new int[SHAPE * MOST];
    starts = new int[MOST + 1];
    parameterStarts = new int[MOST + 1];
    Arena arena = Arena.ofAuto();
    numbers = arena.allocate(8L * NUMBERS, 8);
    parameters = arena.allocate(8L * NUMBERS, 8);
  }

  /** A copy that is compared and changed, and not started. */
  WorkList(WorkList other) {
    size = other.size;
    structure = other.structure;
    kinds = Arrays.copyOf(other.kinds, size);
    shapes = Arrays.copyOf(other.shapes, SHAPE * size);
    starts = Arrays.copyOf(other.starts, size + 1);
    parameterStarts = new int[0];
    long bytes = 8L * starts[size];
    numbers = MemorySegment.ofArray(new long[starts[size]]);
    MemorySegment.copy(other.numbers, 0, numbers, 0, bytes);
    parameters = null;
  }

  int size() {
    return size;
  }

  boolean isFull() {
    int most = NUMBERS - MOST_NUMBERS;
    return size == MOST || starts[size] > most || parameterStarts[size] > most;
  }

  void clear() {
    Arrays.fill(kinds, 0, size, null);
    size = 0;
    structure = 0;
  }

  // ---- adding ----------------------------------------------------------------------------------

  /**
   * A kernel.
   *
   * @param values the numbers of its arguments
   * @param firsts which of them each argument begins with
   */
  void addKernel(
      Function function,
      int gridX,
      int gridY,
      int gridZ,
      int blockX,
      int blockY,
      int sharedBytes,
      long[] values,
      int valueCount,
      int[] firsts,
      int firstCount) {
    int shape = SHAPE * size;
    shapes[shape] = gridX;
    shapes[shape + 1] = gridY;
    shapes[shape + 2] = gridZ;
    shapes[shape + BLOCK] = blockX;
    shapes[shape + BLOCK + 1] = blockY;
    shapes[shape + BLOCK + 2] = sharedBytes;
    int start = starts[size];
    MemorySegment.copy(values, 0, numbers, JAVA_LONG, 8L * start, valueCount);
    int parameter = parameterStarts[size];
    for (int i = 0; i < firstCount; i++) {
      long address = numbers.address() + 8L * (start + firsts[i]);
      parameters.setAtIndex(JAVA_LONG, parameter + i, address);
    }
    add(function, function.ordinal(), valueCount, firstCount);
  }

  /** A product of matrices at these addresses. */
  void addProduct(CublasLt.Plan plan, long a, long b, long c, boolean add) {
    int start = starts[size];
    numbers.setAtIndex(JAVA_LONG, start, a);
    numbers.setAtIndex(JAVA_LONG, start + 1, b);
    numbers.setAtIndex(JAVA_LONG, start + 2, c);
    numbers.setAtIndex(JAVA_LONG, start + 3, add ? 1 : 0);
    add(plan, System.identityHashCode(plan) * 31 + Long.hashCode(c), 4, 0);
  }

  void addZero(long address, long bytes) {
    int start = starts[size];
    numbers.setAtIndex(JAVA_LONG, start, address);
    numbers.setAtIndex(JAVA_LONG, start + 1, bytes);
    add(ZERO, Long.hashCode(address), 2, 0);
  }

  private void add(Object kind, int hash, int numberCount, int parameterCount) {
    kinds[size] = kind;
    starts[size + 1] = starts[size] + numberCount;
    parameterStarts[size + 1] = parameterStarts[size] + parameterCount;
    structure = structure * 31 + hash;
    size++;
  }

  // ---- reading ---------------------------------------------------------------------------------

  /** What an entry is called in messages. */
  String name(int entry) {
    return isKernel(entry) ? kernel(entry).symbol() : isZero(entry) ? "zeroing" : "cublasLtMatmul";
  }

  boolean isKernel(int entry) {
    return kinds[entry] instanceof Function;
  }

  boolean isZero(int entry) {
    return kinds[entry] == ZERO;
  }

  Function kernel(int entry) {
    return (Function) kinds[entry];
  }

  CublasLt.Plan plan(int entry) {
    return (CublasLt.Plan) kinds[entry];
  }

  /** A number of a product, or of bytes to be zeroed. */
  long number(int entry, int index) {
    return numbers.getAtIndex(JAVA_LONG, starts[entry] + index);
  }

  /** One of grid x, y, z, block x, y, bytes of shared memory of a kernel. */
  int shape(int entry, int index) {
    return shapes[SHAPE * entry + index];
  }

  /** The address of the addresses of a kernel's arguments. */
  long parameters(int entry) {
    return parameters.address() + 8L * parameterStarts[entry];
  }

  // ---- comparing -------------------------------------------------------------------------------

  /** Whether a kernel has the arguments and blocks that it has in an equal list. */
  boolean isSame(int entry, WorkList other) {
    int shape = SHAPE * entry;
    return Arrays.equals(shapes, shape, shape + BLOCK, other.shapes, shape, shape + BLOCK)
        && hasNumbersOf(entry, other);
  }

  private boolean hasNumbersOf(int entry, WorkList other) {
    long from = 8L * starts[entry];
    long to = 8L * starts[entry + 1];
    return MemorySegment.mismatch(numbers, from, to, other.numbers, from, to) < 0;
  }

  /** Takes the arguments and blocks of a kernel from an equal list. */
  void take(int entry, WorkList other) {
    System.arraycopy(other.shapes, SHAPE * entry, shapes, SHAPE * entry, SHAPE);
    long from = 8L * starts[entry];
    MemorySegment.copy(other.numbers, from, numbers, from, 8L * starts[entry + 1] - from);
  }

  private boolean isLike(int entry, WorkList other) {
    if (kinds[entry] != other.kinds[entry] || starts[entry + 1] != other.starts[entry + 1]) {
      return false;
    }
    int block = SHAPE * entry + BLOCK;
    int end = SHAPE * (entry + 1);
    return isKernel(entry)
        ? Arrays.equals(shapes, block, end, other.shapes, block, end)
        : hasNumbersOf(entry, other);
  }

  @Override
  public boolean equals(Object object) {
    if (!(object instanceof WorkList other) || size != other.size || structure != other.structure) {
      return false;
    }
    for (int entry = 0; entry < size; entry++) {
      if (!isLike(entry, other)) {
        return false;
      }
    }
    return true;
  }

  @Override
  public int hashCode() {
    return structure;
  }
}
