/** The reference: scalar loops in double precision, slow and obvious on purpose. */
package org.pygpt.kernels.reference;
