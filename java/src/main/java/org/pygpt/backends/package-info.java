/** The implementations of {@link org.pygpt.kernels.Kernels} that a user can choose. */
package org.pygpt.backends;
