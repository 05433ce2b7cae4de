"""Files: locks, checksums, text, and outputs that are there as a whole or not at all."""
