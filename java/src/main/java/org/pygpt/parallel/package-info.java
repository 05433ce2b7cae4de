/** Threads that share the work of one kernel. */
package org.pygpt.parallel;
