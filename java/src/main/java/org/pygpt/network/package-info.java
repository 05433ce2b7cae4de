/**
 * A network of one's own: dense layers, a loss and an optimizer on the engine's tape and kernels.
 *
 * <p>{@link org.pygpt.network.Network} is what a GPT is made of, without the rest: the shortest way
 * to see forward, backward and an update.
 */
package org.pygpt.network;
