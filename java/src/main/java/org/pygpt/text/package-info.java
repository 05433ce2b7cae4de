/** Text: as token ids and back, as JSON, and choices that users make by name. */
package org.pygpt.text;
