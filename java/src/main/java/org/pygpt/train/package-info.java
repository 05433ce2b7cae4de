/** Training: gradients, clipping and AdamW. */
package org.pygpt.train;
