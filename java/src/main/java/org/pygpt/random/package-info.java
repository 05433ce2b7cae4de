/** CPython's random numbers, bit by bit: the same seed gives Java what it gives Python. */
package org.pygpt.random;
