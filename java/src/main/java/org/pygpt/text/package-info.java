/** Text as Python has it: documents, their characters as token ids, and how values are written. */
package org.pygpt.text;
