package org.pygpt.jobs;

import org.pygpt.graph.Step;
import org.pygpt.model.Session;

/** Mutable: one forward of a session. */
public final class ForwardJob extends Job {
  private final Session session;
  private final int[] ids;
  private final int[] targets;
  private final Step step;

  /** A forward of (B, T) tokens, row by row; a negative target is not scored. */
  public ForwardJob(Session session, int[] ids, int[] targets, int B, int T) {
    this.session = session;
    this.ids = ids;
    this.targets = targets;
    this.step = Step.forward(B, T);
  }

  @Override
  protected void run() {
    try (var _ = session.turn()) {
      session.tape().resetCancel();
      throwIfCancelled(); // a cancel that came before the reset
      session.setBatch(ids, targets, step.rows());
      session.forward(step);
    }
  }

  @Override
  protected void interrupt() {
    session.tape().cancel();
  }
}
