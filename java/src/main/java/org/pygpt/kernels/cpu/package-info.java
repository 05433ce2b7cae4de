/**
 * The fast backend for CPUs: a file for each op, with forward beside backward and the loops below.
 *
 * <p>Two things decide how fast a kernel is: its steady speed, and how soon a cold JVM reaches it.
 * Small work is done by plain loops over heap arrays that rows are copied into, which C1 compiles
 * within milliseconds and C2 vectorises; large products go to a native gemm through the
 * foreign-function API, which is looked up when the first one appears.
 *
 * <p><b>From a call to a loop.</b> {@link org.pygpt.kernels.cpu.CpuKernels} makes a record of a
 * call's arguments; {@link org.pygpt.kernels.cpu.Workers} divides its rows, or what its units are,
 * among the threads of a {@link org.pygpt.kernels.cpu.Team}, if that is worth it; each copies
 * blocks of rows to its {@link org.pygpt.kernels.cpu.Staging}, computes, and copies back.
 *
 * <p><b>Vectors.</b> Loops that C2 does not vectorise have a vector body beside the plain one. Both
 * give the same bits, which is why plain sums are kept by lane, since {@link
 * org.pygpt.kernels.cpu.WarmUp} changes from one to the other at a time that depends on the
 * machine's load; a pass over the data asks once which it is to use and hands the answer down as
 * {@code boolean vectors}.
 *
 * <p>C2 has to compile a vector loop as a whole: a call that it does not inline boxes its vectors,
 * and it inlines no more once a method has some 18,000 nodes, which three dozen vector operations
 * make, nor what the profile shows as rare. So each loop is a short static method of its own, whose
 * name begins with {@code vector} and whose arguments are arrays and numbers; it is called only
 * where there is a whole vector to do, so that calls of the plain phase do not count in its
 * profile; and a flag of the JVM keeps it out of its callers: {@code
 * -XX:CompileCommand=dontinline,org.pygpt.kernels.cpu.*::vector*}. Without the flag results are the
 * same, and some loops several times as slow.
 */
package org.pygpt.kernels.cpu;
