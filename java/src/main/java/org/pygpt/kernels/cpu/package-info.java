/**
 * The fast backend for CPUs.
 *
 * <p>Two things decide how fast a kernel is: its steady speed, and how soon a cold JVM reaches it.
 * Small work is done by plain loops over heap arrays that rows are copied into, which C1 compiles
 * within milliseconds and C2 vectorises; large products go to a native gemm through the
 * foreign-function API, which is looked up when the first one appears.
 */
package org.pygpt.kernels.cpu;
