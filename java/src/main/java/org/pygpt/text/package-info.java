/** Text: characters as token ids, and choices that users make by name. */
package org.pygpt.text;
