package org.pygpt.jobs;

import org.pygpt.generate.Sampler;
import org.pygpt.model.GPT;

/** Mutable: samples documents one after another. */
public final class SampleJob extends Job {
  private final GPT model;
  private final int start;
  private final int stop;
  private final int maxTokens;
  private final double temperature;
  private final double[] uniforms;
  private final int[][] documents;
  private int next;
  private volatile int completed;

  /**
   * Each document begins after {@code start} and ends before {@code stop} or after {@code
   * maxTokens}.
   *
   * @param uniforms numbers in [0, 1), one for each token, taken in order; count * maxTokens of
   *     them are always enough; copied
   */
  public SampleJob(
      GPT model,
      int start,
      int stop,
      int count,
      int maxTokens,
      double temperature,
      double[] uniforms) {
    this.model = model;
    this.start = start;
    this.stop = stop;
    this.maxTokens = maxTokens;
    this.temperature = temperature;
    this.uniforms = uniforms.clone();
    this.documents = new int[count][];
  }

  @Override
  protected void run() {
    try (Sampler sampler = new Sampler(model)) {
      for (int i = 0; i < documents.length; i++) {
        throwIfCancelled();
        documents[i] = sampler.sample(start, stop, maxTokens, temperature, this::uniform);
        completed = i + 1;
      }
    }
  }

  private double uniform() {
    if (next == uniforms.length) {
      throw new IllegalArgumentException(
          "uniforms: expected one for each token, got only " + uniforms.length);
    }
    return uniforms[next++];
  }

  /** Documents done so far. */
  public int completed() {
    return completed;
  }

  /** The tokens of one of the completed documents, without start and stop. */
  public int[] tokens(int document) {
    if (document < 0 || document >= completed) {
      throw new IllegalArgumentException(
          "document: expected 0 to " + (completed - 1) + ", got " + document);
    }
    return documents[document];
  }
}
