package org.pygpt.vectors;

import org.pygpt.kernels.NegativeSampling;
import org.pygpt.kernels.cpu.Team;

/**
 * What all workers of a training share.
 *
 * @param kernels of each worker, which has its columns of all vectors
 */
record Setting(
    WordVectorConfig config,
    Vocabulary vocabulary,
    Sentences sentences,
    NegativeSampling[] kernels,
    Team team) {}
