/** CPython's random numbers, bit by bit. */
package org.pygpt.python;
