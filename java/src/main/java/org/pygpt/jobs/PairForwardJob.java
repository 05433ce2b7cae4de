package org.pygpt.jobs;

import org.pygpt.graph.Step;
import org.pygpt.model.PairSession;

/** Mutable: one forward of a session of pairs. */
public final class PairForwardJob extends Job {
  private final PairSession session;
  private final int[] sources;
  private final int[] lengths;
  private final int[] ids;
  private final int[] next;
  private final int[] size;

  /**
   * A forward of B pairs; see {@link org.pygpt.train.PairTraining#setBatch}.
   *
   * @param size B, S and T
   */
  public PairForwardJob(
      PairSession session, int[] sources, int[] lengths, int[] ids, int[] next, int[] size) {
    this.session = session;
    this.sources = sources;
    this.lengths = lengths;
    this.ids = ids;
    this.next = next;
    this.size = size;
  }

  @Override
  protected void run() {
    try (var _ = session.turn()) {
      session.tape().resetCancel();
      throwIfCancelled(); // a cancel that came before the reset
      session.setSources(sources);
      session.setTargets(ids, next);
      session.forward(Step.forward(size[0], size[2]).from(size[1], lengths));
    }
  }

  @Override
  protected void interrupt() {
    session.tape().cancel();
  }
}
