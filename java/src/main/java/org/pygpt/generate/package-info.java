/** Generation: prompts continued with a key/value cache, and how a token is chosen. */
package org.pygpt.generate;
