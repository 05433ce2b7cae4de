/**
 * Word vectors: word2vec's skip-gram and CBOW with negative sampling, by several threads with the
 * same bits each time.
 *
 * <p>Workers divide the columns of all vectors among them, not the text: each has the same few
 * columns of every row, for ever, so that no two write to one place, and no row goes from one
 * core's cache to another's. What they exchange are dot products: each makes its part of those of a
 * batch of some dozen words, they meet, and each moves its columns by the sums. Steps are read from
 * the text by all of them before, each from a stretch of its own. See {@link
 * org.pygpt.vectors.Learner}.
 */
package org.pygpt.vectors;
