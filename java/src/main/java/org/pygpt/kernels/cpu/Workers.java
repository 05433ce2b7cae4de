package org.pygpt.kernels.cpu;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Mutable: what all kernels of one backend run on: its threads, the scratch arrays of each, and the
 * choice between plain loops and vector bodies.
 *
 * <p>Work is measured in multiply-adds of a native product, or what takes as long.
 */
final class Workers implements AutoCloseable {
  /** From this much work on, waking the team costs less than it saves. */
  private static final long PARALLEL_FROM = 64 * 64 * 64;

  /** One part of a matrix in this many is not divided beforehand. */
  private static final int LEFT_OVER = 4;

  private static final int WORK_OF_ELEMENT = 16;

  private final WarmUp warmUp = WarmUp.ofProcess();
  private final Team team;
  private final Staging[] stagings;
  private final Bfloat16Products[] products; // made when they are first needed

  /** A team of this many workers, each of which has a thread. */
  Workers(int size) {
    this(size, size);
  }

  /**
   * A team of this many workers.
   *
   * @param threads that do their parts, the caller's included
   */
  Workers(int size, int threads) {
    team = new Team(size, threads, warmUp::running);
    stagings = new Staging[size];
    Arrays.setAll(stagings, Staging::new);
    products = new Bfloat16Products[size];
  }

  int size() {
    return team.size();
  }

  /** Scratch arrays of a worker; the caller's thread is number 0. */
  Staging staging(int worker) {
    return stagings[worker];
  }

  /** Products of bfloat16 of a worker, for whichever thread does its part. */
  Bfloat16Products products(int worker) {
    if (products[worker] == null) {
      products[worker] = new Bfloat16Products();
    }
    return products[worker];
  }

  /** Whether to use vector bodies now; asked once for each pass over the data. */
  boolean vectors() {
    return warmUp.ready();
  }

  /** The same of vector bodies for numbers of fewer bits than float32. */
  boolean roundedVectors() {
    return warmUp.roundedReady();
  }

  /** What passing over this many elements costs in a row kernel. */
  static long workOf(long elements) {
    return WORK_OF_ELEMENT * elements;
  }

  /** Tells the warm-up of a model of so many weights. */
  void expect(long weights) {
    warmUp.expect(weights);
  }

  /** Tells the warm-up of weights of fewer bits than float32. */
  void expectRounded() {
    warmUp.expectRounded();
  }

  /** Tells the warm-up of work done by plain loops, where vector bodies would be faster. */
  void count(long work) {
    warmUp.count(work);
  }

  static boolean isParallel(long work) {
    return work >= PARALLEL_FROM;
  }

  /**
   * Runs a task on the units [0, units): divided among the team in parts that begin at multiples of
   * {@code multiple}, or by the caller alone if that is too little work.
   */
  void run(Team.Task task, int units, int multiple, long work) {
    if (isParallel(work)) {
      team.run(task, units, multiple);
    } else {
      task.run(0, 0, units);
    }
  }

  /** What is done with a part of a matrix. */
  @FunctionalInterface
  interface Part {
    void run(int worker, int part);
  }

  /**
   * Does all parts of a matrix, most of them divided among the team beforehand, so that each worker
   * reads one stretch of memory; the last ones are taken by whoever is done first, since memory
   * does not serve all workers equally fast.
   */
  void divide(int parts, long work, Part task) {
    int last = parts / LEFT_OVER;
    boolean share = isParallel(work) && last >= size(); // else some would do two
    int divided = parts - (share ? last : 0);
    AtomicInteger next = new AtomicInteger(divided); // the next part that is anybody's
    Team.Task all =
        (worker, from, to) -> {
          for (int part = from; part < to; part++) {
            task.run(worker, part);
          }
          for (int part = next.getAndIncrement(); part < parts; part = next.getAndIncrement()) {
            task.run(worker, part);
          }
        };
    run(all, divided, 1, work);
  }

  @Override
  public void close() {
    team.close();
    for (Staging staging : stagings) {
      staging.close();
    }
    for (int worker = 0; worker < products.length; worker++) {
      if (products[worker] != null) {
        products[worker].close();
        products[worker] = null;
      }
    }
  }
}
