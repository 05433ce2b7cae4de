/**
 * Word vectors: word2vec's skip-gram and CBOW with negative sampling, by several threads with the
 * same bits each time.
 *
 * <p>Words are divided into as many parts as there are workers, by number and frequency, once. A
 * step of skip-gram touches one input row and some output rows; it goes into the queue of (part of
 * the input, part of the output). In turn {@code p} worker {@code u} does the queue (u, u + p), so
 * that no two workers ever have a row in common: what they do is some order of steps one after
 * another, and always the same. So no update is lost, none waits for another, and the workers meet
 * a few times in some thousand words. CBOW's inputs are means of rows of all parts; see {@link
 * org.pygpt.vectors.Cbow}.
 */
package org.pygpt.vectors;
