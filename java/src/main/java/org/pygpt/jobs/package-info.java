/** Work that a caller awaits in short turns and may cancel: steps, forwards, generation. */
package org.pygpt.jobs;
