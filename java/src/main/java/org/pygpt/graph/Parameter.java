package org.pygpt.graph;

import org.pygpt.tensor.Tensor;

/**
 * A weight and where its gradient is summed.
 *
 * @param name the checkpoint's name for it, as Hugging Face's GPT-2 has it
 * @param value (rows, columns)
 * @param gradient of the same shape; null on a tape that only runs forward
 */
public record Parameter(String name, Tensor value, Tensor gradient) {}
