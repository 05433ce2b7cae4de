/** Models of pygpt in this process for LangChain4j; a module of its own. */
package org.pygpt.langchain4j;
