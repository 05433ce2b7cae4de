package org.pygpt.model;

import java.util.Set;
import org.pygpt.graph.Step;
import org.pygpt.tensor.Tensor;

/**
 * Mutable: a model opened for looking at gradients: a forward and a backward pass over one sequence
 * of T tokens, which keeps the gradient of the loss by everything that a {@link Probe} keeps, but
 * for attention's probabilities, which the model never has in memory. Weights get no gradients, and
 * nothing of the model changes. For one thread at a time; training knows nothing of it.
 *
 * <p>Names are those of a probe; {@code logits} is one more. A branch has the gradient of the sum
 * that it is added to.
 */
public final class GradientProbe implements AutoCloseable {
  private final Session session;
  private final Taps taps;

  /**
   * Opens a model.
   *
   * @param first of the layers of which everything is kept
   * @param end the layer after the last of them
   * @throws IllegalArgumentException if there are no such layers
   * @throws IllegalStateException if the weights are rounded
   */
  public GradientProbe(GPT model, int T, int first, int end) {
    model.requireTrainable();
    taps = Taps.ofGradients(model.config(), first, end);
    Decoder.Trained nothing = Decoder.Trained.nothing(model.dtype());
    session = model.session(1, T, T, Decoder.Purpose.GRADIENTS, nothing, taps);
  }

  /** What runs forward, and {@link #backward} after it; it has the loss. */
  public Session session() {
    return session;
  }

  /** Forward and backward of the tokens that were set, in a turn of the model. */
  public void backward(int T) {
    Step step = Step.forward(1, T);
    session.forward(step);
    session.tape().backward(step);
  }

  /** What can be asked for. */
  public Set<String> names() {
    return taps.names();
  }

  /**
   * A gradient of the last backward, shared until the next one.
   *
   * @throws IllegalArgumentException if nothing of this name is kept
   */
  public Tensor get(String name) {
    return taps.require(name);
  }

  /** Size in bytes of what is held, but for the weights. */
  public long byteSize() {
    return session.tape().byteSize();
  }

  @Override
  public void close() {
    session.close();
  }
}
