/**
 * The model as a tape of fused ops, each with its forward and its backward, bound to memory once.
 */
package org.pygpt.graph;
