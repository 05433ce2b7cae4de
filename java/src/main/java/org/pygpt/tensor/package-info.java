/**
 * Devices, their memory, and shaped views of it.
 *
 * <p>Letters used for sizes throughout the engine: B batch, T time, C channels, H heads, D head
 * size (C / H), L layers, V vocabulary, F feed-forward width.
 */
package org.pygpt.tensor;
