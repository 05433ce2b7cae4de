/**
 * Conversations as the tokens of a model: chat templates, in Jinja's language, and our own form.
 */
package org.pygpt.chat;
