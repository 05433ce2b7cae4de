package org.pygpt.kernels.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Mutable (what its workers' arguments point to): a product of one shape, (rows, inputs) @ (inputs,
 * outputs), as oneDNN has compiled it for this processor. Each worker has arguments of its own.
 */
final class OneDnnProduct implements AutoCloseable {
  private static final long ALIGNMENT = 64; // a cache line

  private final Arena arena = Arena.ofShared();
  private final long primitive;
  private final Call[] calls;

  /** What one worker hands over: memory objects, and the list of them. */
  private record Call(
      long stream, long source, long weights, long target, long scratch, MemorySegment arguments) {}

  /**
   * Compiles it.
   *
   * @param source the type of x, as {@link OneDnnWeights} has them; {@code target} that of the sums
   * @param layout how the weights lie, shared
   * @param stride numbers from a row of sums to the next
   */
  OneDnnProduct(
      int workers,
      int rows,
      int inputs,
      int outputs,
      int source,
      long layout,
      int target,
      int stride) {
    long sources = OneDnnWeights.describe(source, rows, inputs);
    long targets = OneDnnWeights.describe(target, rows, outputs, stride);
    long plan = OneDnnWeights.planMatMul(sources, layout, targets);
    long scratch = OneDnn.scratchpad(plan);
    calls = new Call[workers];
    for (int worker = 0; worker < workers; worker++) {
      calls[worker] = call(sources, layout, targets, scratch);
    }
    primitive = OneDnn.primitive(plan);
    OneDnn.forgetDescription(sources);
    OneDnn.forgetDescription(targets);
  }

  private Call call(long sources, long layout, long targets, long scratch) {
    long x = OneDnn.memory(sources);
    long weights = OneDnn.memory(layout);
    long target = OneDnn.memory(targets);
    long space = OneDnn.memory(scratch);
    long bytes = Math.max(ALIGNMENT, OneDnn.byteSize(scratch));
    OneDnn.point(space, arena.allocate(bytes, ALIGNMENT).address());
    MemorySegment arguments =
        OneDnn.arguments(
            arena,
            OneDnn.SOURCE,
            x,
            OneDnn.WEIGHTS,
            weights,
            OneDnn.TARGET,
            target,
            OneDnn.SCRATCHPAD,
            space);
    return new Call(OneDnn.stream(), x, weights, target, space, arguments);
  }

  /** Runs it on a worker's thread; all are addresses. */
  void run(int worker, long x, long weights, long target) {
    Call call = calls[worker];
    OneDnn.point(call.source, x);
    OneDnn.point(call.weights, weights);
    OneDnn.point(call.target, target);
    OneDnn.execute(primitive, call.stream, call.arguments);
  }

  @Override
  public void close() {
    OneDnn.forgetPrimitive(primitive);
    for (Call call : calls) {
      OneDnn.forgetMemory(call.source);
      OneDnn.forgetMemory(call.weights);
      OneDnn.forgetMemory(call.target);
      OneDnn.forgetMemory(call.scratch);
      OneDnn.forgetStream(call.stream);
    }
    arena.close();
  }
}
