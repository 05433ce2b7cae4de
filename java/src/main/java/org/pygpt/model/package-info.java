/** A model: architecture, weights, how its tapes are wired. */
package org.pygpt.model;
