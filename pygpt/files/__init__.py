"""Files, whatever is in them.

    streams.py     files, pipes and compressed files, as decoded text
    text.py        UTF-8 text: whole, in blocks, as lines
    lock.py        a lock that dies with its process
    atomic.py      files and folders that are there as a whole or not at all
    checksums.py   whether files are those that were written
"""
