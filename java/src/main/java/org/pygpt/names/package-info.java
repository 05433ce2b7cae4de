/**
 * The names program: its options, the protocol of microgpt, and what a user sees of it; the same as
 * {@code python -m pygpt names}, with no Python.
 */
package org.pygpt.names;
