"""Text as token files, and token files as batches.

    cut.py         long texts in pieces, cut where no token can be
    json_text.py   arrays of JSON, item by item
    readers.py     text, tables, JSON and Parquet as streams of documents
    sources.py     what ships with pygpt, a file, or a folder of files
    token_file.py  token ids in a file with a header, memory-mapped
    validation.py  which part is for validation
    sampler.py     what a trainer needs of data, and WindowSampler: anywhere in the tokens
    rows.py        PackedSampler: as many short documents as fit in a row
    dataset.py     a folder of two token files and their tokenizer
    separate.py    texts in which a marker stands between documents
    conversations.py  the shapes in which people write down prompts and answers
    prepare.py     from a source to such a folder, streaming
    pairs.py       PairSampler: a prompt and its answer in a row, for fine-tuning

The classes and `prepare` are names of `pygpt` itself.
"""
