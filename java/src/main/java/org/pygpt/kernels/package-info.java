/** What ops are made of: every computation on tensors, as an interface with several backends. */
package org.pygpt.kernels;
