/** The ops of a tape: each one fused step, with both directions. */
package org.pygpt.ops;
