package org.pygpt.jobs;

import org.pygpt.graph.Step;
import org.pygpt.model.Session;

/** Mutable: one forward of a program's batch. */
public final class ForwardJob extends Job {
  private final Session program;
  private final Step step;

  /** A forward of the (B, T) tokens that lie in the program's ids and targets. */
  public ForwardJob(Session program, int B, int T) {
    this.program = program;
    this.step = Step.forward(B, T);
  }

  @Override
  protected void run() {
    program.tape().resetCancel();
    throwIfCancelled(); // a cancel that came before the reset
    program.load(step);
    program.tape().forward(step);
  }

  @Override
  protected void interrupt() {
    program.tape().cancel();
  }
}
