package org.pygpt.network;

/** How far what a network returns is from what it should return; a mean over rows. */
public enum LossFunction {
  /** Mean of the squared differences, of all numbers. */
  MSE,
  /** Mean of -ln of the probability of what is right, 0 or 1; for a last layer with a sigmoid. */
  BINARY_CROSS_ENTROPY,
  /** Mean of -ln of the probability of the right class; for a last layer with a softmax. */
  CROSS_ENTROPY
}
