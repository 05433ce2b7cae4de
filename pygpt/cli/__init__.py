"""The command line: flags and printing; one file a command."""
