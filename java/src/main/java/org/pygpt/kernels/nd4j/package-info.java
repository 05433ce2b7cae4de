/** The readable backend: every matrix operation is one ND4J call. */
package org.pygpt.kernels.nd4j;
