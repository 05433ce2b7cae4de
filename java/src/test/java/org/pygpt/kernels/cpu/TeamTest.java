package org.pygpt.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(30) // seconds: a lost wake-up would hang
class TeamTest {
  private record Part(int worker, int from, int to) {}

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5})
  void everyUnitIsDoneOnceInTheSamePartsEachTime(int size) {
    try (Team team = new Team(size)) {
      assertEquals(size, team.size());
      for (int multiple : new int[] {1, 3, 16}) {
        for (int units : new int[] {1, 2, 3, 7, 15, 16, 17, 64, 207, 1021}) {
          Set<Part> parts = parts(team, units, multiple);
          assertEquals(parts, parts(team, units, multiple));
          assertTrue(parts.stream().anyMatch(part -> part.worker == 0), "the caller has a part");
          int[] done = new int[units];
          for (Part part : parts) {
            String text = part + " of " + units + " units by " + multiple;
            assertTrue(part.worker >= 0 && part.worker < size, text);
            assertTrue(part.from < part.to, text);
            assertEquals(0, part.from % multiple, text);
            Arrays.setAll(done, i -> done[i] + (i >= part.from && i < part.to ? 1 : 0));
          }
          int[] once = new int[units];
          Arrays.fill(once, 1);
          assertArrayEquals(once, done, units + " units by " + multiple);
        }
      }
    }
  }

  private static Set<Part> parts(Team team, int units, int multiple) {
    Set<Part> parts = ConcurrentHashMap.newKeySet();
    AtomicInteger calls = new AtomicInteger();
    team.run(
        (worker, from, to) -> {
          parts.add(new Part(worker, from, to));
          calls.incrementAndGet();
        },
        units,
        multiple);
    assertEquals(calls.get(), parts.size(), "calls");
    return parts;
  }

  @Test
  void everyWorkerHasAThreadOfItsOwnAndTheCallerIsTheFirst() {
    try (Team team = new Team(3)) {
      Thread[] threads = threads(team);
      assertSame(Thread.currentThread(), threads[0]);
      assertEquals(3, Set.of(threads).size());
      for (int run = 0; run < 20; run++) {
        assertArrayEquals(threads, threads(team));
      }
    }
  }

  /** Which thread does which part, where nobody has to do another's. */
  private static Thread[] threads(Team team) {
    Thread[] threads = new Thread[team.size()];
    CountDownLatch begun = new CountDownLatch(team.size());
    team.run(
        (worker, from, to) -> {
          threads[worker] = Thread.currentThread();
          begun.countDown();
          assertDoesNotThrow(() -> begun.await());
        },
        team.size(),
        1);
    return threads;
  }

  @Test
  void theCallerDoesWhatASleepingWorkerHasNotBegun() throws InterruptedException {
    try (Team team = new Team(2)) {
      int byCaller = 0;
      for (int run = 0; run < 1000 && byCaller == 0; run++) {
        Thread.sleep(2); // ten times as long as a worker spins
        Thread[] threads = new Thread[2];
        team.run((worker, from, to) -> threads[worker] = Thread.currentThread(), 2, 1);
        byCaller += threads[1] == Thread.currentThread() ? 1 : 0;
      }
      assertEquals(1, byCaller);
    }
  }

  /** What a part writes, later runs read without any further synchronisation. */
  @Test
  void everyRunSeesWhatTheRunBeforeWrote() {
    try (Team team = new Team(2)) {
      int[] counts = new int[1021];
      int runs = 2_000;
      for (int run = 0; run < runs; run++) {
        int expected = run;
        // Every other run is cut elsewhere, so that each worker reads what the other has written.
        team.run(
            (worker, from, to) -> {
              for (int i = from; i < to; i++) {
                if (counts[i]++ != expected) {
                  throw new AssertionError("unit " + i + " in run " + expected);
                }
              }
            },
            counts.length,
            run % 2 == 0 ? 1 : 1000);
      }
      int[] all = new int[counts.length];
      Arrays.fill(all, runs);
      assertArrayEquals(all, counts);
    }
  }

  @Test
  void wakesWorkersThatHaveParked() throws InterruptedException {
    try (Team team = new Team(2)) {
      AtomicIntegerArray calls = new AtomicIntegerArray(2);
      for (int run = 0; run < 20; run++) {
        Thread.sleep(2); // ten times as long as a worker spins
        team.run((worker, from, to) -> calls.incrementAndGet(worker), 2, 1);
      }
      assertEquals("[20, 20]", calls.toString());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void throwsWhatAPartThrewWhenAllHaveEnded(int failing) {
    try (Team team = new Team(3)) {
      IllegalStateException failure = new IllegalStateException("part " + failing);
      ConcurrentLinkedQueue<Integer> ended = new ConcurrentLinkedQueue<>();
      Team.Task task =
          (worker, from, to) -> {
            if (worker == failing) {
              throw failure;
            }
            ended.add(worker);
          };
      for (int run = 1; run <= 3; run++) {
        assertSame(failure, assertThrows(IllegalStateException.class, () -> team.run(task, 3, 1)));
        assertEquals(2 * run, ended.size());
      }
      AtomicInteger units = new AtomicInteger();
      team.run((worker, from, to) -> units.addAndGet(to - from), 207, 1);
      assertEquals(207, units.get(), "units of the run after the failures");
    }
  }

  @Test
  void throwsErrorsToo() {
    try (Team team = new Team(2)) {
      AssertionError failure = new AssertionError("worker 1");
      Team.Task task =
          (worker, from, to) -> {
            if (worker == 1) {
              throw failure;
            }
          };
      assertSame(failure, assertThrows(AssertionError.class, () -> team.run(task, 2, 1)));
    }
  }

  @Test
  void closeEndsTheThreads() throws InterruptedException {
    Team team = new Team(3);
    Thread[] threads = threads(team);
    team.close();
    for (int worker = 1; worker < 3; worker++) {
      threads[worker].join(10_000);
      assertFalse(threads[worker].isAlive(), threads[worker].getName());
    }
  }

  @Test
  void refusesToBeEmpty() {
    String message = assertThrows(IllegalArgumentException.class, () -> new Team(0)).getMessage();
    assertEquals("threads: expected at least 1, got 0", message);
  }
}
