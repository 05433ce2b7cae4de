/** The command line of pygpt.jar: a class for each command. */
package org.pygpt.cli;
