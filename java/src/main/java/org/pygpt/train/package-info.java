/** Training: one step, and jobs of many steps on a thread of their own. */
package org.pygpt.train;
