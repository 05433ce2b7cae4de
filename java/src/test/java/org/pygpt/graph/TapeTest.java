package org.pygpt.graph;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.reference.PlainKernels;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.HostMemory;
import org.pygpt.tensor.Tensor;

class TapeTest {
  private static final Kernels KERNELS = new PlainKernels();
  private static final Step STEP = Step.forward(1, 1);

  /** An op that touches given slots and writes down when it runs. */
  private record Probe(
      String name,
      List<Input> inputs,
      List<Slot> forwardSlots,
      List<Slot> backwardSlots,
      List<String> log)
      implements Op {
    @Override
    public void forward(Kernels kernels, Step step) {
      log.add("forward " + name);
    }

    @Override
    public void backward(Kernels kernels, Step step) {
      log.add("backward " + name);
    }

    @Override
    public String describe() {
      return name;
    }
  }

  private static Probe probe(List<Slot> forward, List<Slot> backward) {
    return new Probe("probe", List.of(), forward, backward, new ArrayList<>());
  }

  /** A slot and the times, computed apart from the tape's, between which it is in use. */
  private static final class Life {
    final Slot slot;
    int first = Integer.MAX_VALUE;
    int last = Integer.MIN_VALUE;

    Life(Slot slot) {
      this.slot = slot;
    }

    void touch(int time) {
      first = Math.min(first, time);
      last = Math.max(last, time);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 5, 7, 11, 13, 17, 19, 23})
  void slotsThatOverlapInTimeDoNotOverlapInMemory(long seed) {
    Random random = new Random(seed);
    boolean training = random.nextBoolean();
    DType dtype = random.nextBoolean() ? DType.FLOAT32 : DType.FLOAT64;
    DType[] types = random.nextBoolean() ? DType.values() : new DType[] {dtype};
    int opCount = random.nextInt(1, 31);
    try (Tape tape = new Tape(KERNELS, dtype, training)) {
      List<Life> lives = new ArrayList<>();
      for (int i = 0; i < 67; i++) {
        int rows = random.nextInt(1, 8);
        int columns = 1 << random.nextInt(10);
        boolean persistent = random.nextInt(20) == 0;
        DType type = types[random.nextInt(types.length)];
        Life life =
            new Life(persistent ? tape.persistent(rows, columns) : tape.slot(type, rows, columns));
        if (persistent) {
          life.touch(0);
          life.touch(2 * opCount - 1);
        }
        lives.add(life);
      }
      for (int op = 0; op < opCount; op++) {
        List<Slot> forward = pick(random, lives, op);
        List<Slot> backward =
            training ? pick(random, lives, 2 * opCount - 1 - op) : List.of(lives.get(0).slot);
        tape.add(probe(forward, backward));
      }
      tape.plan();
      tape.allocate();
      long end = 0;
      for (Life life : lives) {
        if (life.first > life.last) {
          assertNull(life.slot.tensor(), "a slot that no op touches has no memory");
          continue;
        }
        Tensor tensor = life.slot.tensor();
        assertEquals(life.slot.rows(), tensor.rows());
        assertEquals(life.slot.columns(), tensor.columns());
        assertEquals(0, HostMemory.address(tensor) % 64);
        end = Math.max(end, end(tensor));
        for (Life other : lives) {
          boolean meet = life.first <= other.last && other.first <= life.last;
          if (other != life && other.first <= other.last && meet) {
            Tensor neighbour = other.slot.tensor();
            assertTrue(
                end(tensor) <= start(neighbour) || end(neighbour) <= start(tensor),
                () -> tensor + " at " + start(tensor) + ", " + neighbour + start(neighbour));
          }
        }
      }
      assertEquals((end + 63) / 64 * 64, tape.byteSize());
    }
  }

  private static List<Slot> pick(Random random, List<Life> lives, int time) {
    List<Slot> picked = new ArrayList<>();
    for (int i = random.nextInt(5); i > 0; i--) {
      Life life = lives.get(random.nextInt(lives.size()));
      life.touch(time);
      picked.add(life.slot);
    }
    picked.add(null); // a gradient that there is not
    return picked;
  }

  /** The first byte of a tensor. */
  private static long start(Tensor tensor) {
    return tensor.offset() * tensor.dtype().bytes();
  }

  /** The byte after its last. */
  private static long end(Tensor tensor) {
    return start(tensor) + tensor.size() * tensor.dtype().bytes();
  }

  /** A chain of ops, each from one slot to the next, needs no more than two of them at a time. */
  @Test
  void forwardAloneReusesMemory() {
    Tape tape = new Tape(KERNELS, DType.FLOAT32, false);
    Slot before = tape.slot(7, 16);
    for (int op = 0; op < 30; op++) {
      Slot after = tape.slot(7, 16);
      tape.add(probe(List.of(before, after), List.of()));
      before = after;
    }
    tape.plan();
    assertEquals(2 * 7 * 16 * 4, tape.byteSize());
  }

  @Test
  void backwardKeepsWhatItReads() {
    Tape tape = new Tape(KERNELS, DType.FLOAT32, true);
    Slot before = tape.slot(7, 16);
    for (int op = 0; op < 30; op++) {
      Slot after = tape.slot(7, 16);
      tape.add(probe(List.of(before, after), List.of(before)));
      before = after;
    }
    tape.plan();
    assertEquals(31 * 7 * 16 * 4, tape.byteSize());
  }

  @Test
  void theLastReaderOverwritesAGradientAndTheOthersAdd() {
    Tape tape = new Tape(KERNELS, DType.FLOAT32, true);
    Variable x = tape.variable(3, 5);
    Variable sum = tape.variable(3, 5);
    sum.shareGradient(x);
    Variable alone = tape.variable(3, 5);
    Input first = tape.use(x);
    Input second = tape.use(x);
    Input third = tape.use(sum);
    Input single = tape.use(alone);
    for (Input input : List.of(first, second, single, third)) {
      List<Slot> slots = List.of(input.valueSlot());
      tape.add(
          new Probe(
              "reader", List.of(input), slots, List.of(input.gradientSlot()), new ArrayList<>()));
    }
    tape.plan();
    assertFalse(third.add(), "the last reader comes first in backward");
    assertTrue(second.add());
    assertTrue(first.add());
    assertFalse(single.add());
    tape.allocate();
    assertSame(x.gradient(), sum.gradient());
    assertTrue(x.value() != sum.value());
    tape.close();
  }

  @Test
  void runsForwardInOrderAndBackwardInReverse() {
    List<String> log = new ArrayList<>();
    try (Tape tape = tapeOf(List.of("a", "b", "c"), log)) {
      tape.forward(STEP);
      tape.backward(STEP);
      assertEquals(
          List.of("forward a", "forward b", "forward c", "backward c", "backward b", "backward a"),
          log);
    }
  }

  private static Tape tapeOf(List<String> names, List<String> log) {
    Tape tape = new Tape(KERNELS, DType.FLOAT32, true);
    List<Slot> slots = List.of(tape.slot(1, 1));
    names.forEach(name -> tape.add(new Probe(name, List.of(), slots, slots, log)));
    tape.plan();
    tape.allocate();
    return tape;
  }

  @Test
  void cancelStopsOneRunBeforeItsNextOp() {
    List<String> log = new ArrayList<>();
    try (Tape tape = tapeOf(List.of("a", "b"), log)) {
      tape.cancel();
      assertThrows(CancellationException.class, () -> tape.forward(STEP));
      assertEquals(List.of(), log);
      tape.forward(STEP);
      tape.cancel();
      assertThrows(CancellationException.class, () -> tape.backward(STEP));
      tape.backward(STEP);
      assertEquals(List.of("forward a", "forward b", "backward b", "backward a"), log);
    }
  }
}
