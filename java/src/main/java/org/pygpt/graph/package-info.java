/**
 * The model as a tape of fused ops, each with its forward and its backward, bound to memory once.
 *
 * <p>{@link org.pygpt.graph.Tape} runs ops; a {@link org.pygpt.graph.Slot} is room in its arena,
 * with a lifetime; a {@link org.pygpt.graph.Variable} is an activation: a slot for its value and
 * one for its gradient. To add an op, write one class that implements {@link org.pygpt.graph.Op}.
 */
package org.pygpt.graph;
