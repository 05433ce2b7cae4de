/** Generation: the sampler and its key/value cache. */
package org.pygpt.infer;
