/** CPython's and NumPy's random numbers, bit by bit, and the C library's functions. */
package org.pygpt.python;
