/** CPython's random numbers, bit by bit, and its way to write numbers, texts and paths. */
package org.pygpt.python;
