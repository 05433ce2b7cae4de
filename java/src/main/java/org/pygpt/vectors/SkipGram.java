package org.pygpt.vectors;

import java.util.Arrays;
import org.pygpt.kernels.NegativeSampling;

/** Mutable: skip-gram, in which each neighbour of a word is an input and the word its target. */
final class SkipGram extends Scheme {
  private final Ints[][][] queues; // by who read it, by the part of the input, of the outputs
  private final int[][] targets; // of each reader
  private final float[][] gradients; // of each worker

  SkipGram(Setting setting) {
    super(setting);
    queues = new Ints[parts][parts][parts];
    for (Ints[][] ofReader : queues) {
      for (Ints[] ofInput : ofReader) {
        Arrays.setAll(ofInput, i -> new Ints());
      }
    }
    targets = new int[parts][1 + setting.config().negative()];
    gradients = new float[parts][width];
  }

  @Override
  void begin(int part) {
    for (Ints[] ofInput : queues[part]) {
      for (Ints queue : ofInput) {
        queue.clear();
      }
    }
  }

  @Override
  void take(int part, int[] words, int at, int from, int to, Draws draws) {
    int[] one = targets[part];
    one[0] = words[at];
    for (int i = from; i < to; i++) {
      if (i != at) {
        drawOthers(one, draws);
        int input = words[i];
        enqueue(queues[part][setting.vocabulary().part(input)], input, one);
      }
    }
  }

  @Override
  void update(float rate) {
    for (int turn = 0; turn < parts; turn++) {
      int offset = turn;
      forAll(worker -> {
        for (int reader = 0; reader < parts; reader++) {
          update(worker, queues[reader][worker][(worker + offset) % parts], rate);
        }
      });
    }
  }

  private void update(int worker, Ints queue, float rate) {
    NegativeSampling kernel = setting.kernels()[worker];
    float[] inputs = setting.inputs();
    float[] gradient = gradients[worker];
    int[] steps = queue.values();
    int at = 0;
    while (at < queue.size()) {
      int input = kernel.row(steps[at]);
      int from = at + 2;
      at = from + steps[at + 1];
      kernel.step(inputs, input, setting.outputs(), steps, from, at, rate, gradient, 0);
      kernel.add(gradient, 0, inputs, input, width);
    }
  }
}
