/** Text as token files, and token files as batches; the files and batches are Python's. */
package org.pygpt.datasets;
