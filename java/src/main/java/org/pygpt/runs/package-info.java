/** Training runs: recipes, the loop, metrics and checkpoints; files and bits are Python's. */
package org.pygpt.runs;
