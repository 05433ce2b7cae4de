package org.pygpt.jobs;

import org.pygpt.model.GradientProbe;
import org.pygpt.model.Session;

/** Mutable: one forward and one backward of a probe of gradients. */
public final class GradientJob extends Job {
  private final GradientProbe probe;
  private final int[] ids;
  private final int[] targets;

  /** Of as many tokens as the probe was made for; a negative target is not scored. */
  public GradientJob(GradientProbe probe, int[] ids, int[] targets) {
    this.probe = probe;
    this.ids = ids;
    this.targets = targets;
  }

  @Override
  protected void run() {
    Session session = probe.session();
    try (var _ = session.turn()) {
      session.tape().resetCancel();
      throwIfCancelled(); // a cancel that came before the reset
      session.setBatch(ids, targets, ids.length);
      probe.backward(ids.length);
    }
  }

  @Override
  protected void interrupt() {
    probe.session().tape().cancel();
  }
}
