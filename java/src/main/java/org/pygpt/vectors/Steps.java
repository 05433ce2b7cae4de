package org.pygpt.vectors;

import org.pygpt.kernels.NegativeSampling;
import org.pygpt.kernels.NegativeSampling.Batch;

/**
 * Mutable: steps, each some inputs and some targets, in batches; filled and emptied again and
 * again.
 *
 * <p>The longer a batch, the less often workers meet. But its moves are all made from one place:
 * where a word is among them often, their sum goes too far, and vectors grow without end.
 */
final class Steps {
  /** Targets after which a batch ends, if there are that many words. */
  private static final int TARGETS = 384;

  /** Some dozen words of CBOW. */
  private static final int LEAST_TARGETS = 64;

  /** How often a word is a target of one batch at most, on average. */
  private static final int TARGETS_A_WORD = 4;

  private final Ints inputs = new Ints();
  private final Ints targets = new Ints();
  private final Ints firstInputs = new Ints(); // of each step, and where the next one's would be
  private final Ints firstTargets = new Ints();
  private final Ints firstSteps = new Ints(); // of each batch, likewise
  private final int full; // targets after which a batch ends
  private int most; // targets of a batch

  /** Steps of a text that has so many different words. */
  Steps(int words) {
    full = Math.clamp((long) TARGETS_A_WORD * words, LEAST_TARGETS, TARGETS);
    clear();
  }

  void clear() {
    for (Ints list : new Ints[] {inputs, targets, firstInputs, firstTargets, firstSteps}) {
      list.clear();
    }
    firstInputs.add(0);
    firstTargets.add(0);
    firstSteps.add(0);
    most = 0;
  }

  void addInput(int word) {
    inputs.add(word);
  }

  /** Adds a word, and whether it was there, to the targets of the step that is not ended yet. */
  void addTarget(int word, boolean there) {
    targets.add(2 * word + (there ? 1 : 0));
  }

  /** Ends a step; one that has no input or no target is taken back. */
  void end() {
    if (inputs.size() == firstInputs.last() || targets.size() == firstTargets.last()) {
      inputs.cut(firstInputs.last());
      targets.cut(firstTargets.last());
      return;
    }
    firstInputs.add(inputs.size());
    firstTargets.add(targets.size());
    int begin = firstSteps.last();
    if (targets.size() - firstTarget(begin) >= full
        || count() - begin == NegativeSampling.MOST_STEPS) {
      endBatch();
    }
  }

  /** Ends a batch, if it has steps. */
  void endBatch() {
    int begin = firstSteps.last();
    if (count() > begin) {
      most = Math.max(most, targets.size() - firstTarget(begin));
      firstSteps.add(count());
    }
  }

  private int count() {
    return firstInputs.size() - 1;
  }

  int batches() {
    return firstSteps.size() - 1;
  }

  /** The most targets that a batch has. */
  int mostTargets() {
    return most;
  }

  /** A batch; its arrays are shared until more steps are added. */
  Batch batch(int index) {
    return new Batch(
        inputs.values(),
        firstInputs.values(),
        targets.values(),
        firstTargets.values(),
        firstSteps.values()[index],
        firstSteps.values()[index + 1]);
  }

  private int firstTarget(int step) {
    return firstTargets.values()[step];
  }
}
