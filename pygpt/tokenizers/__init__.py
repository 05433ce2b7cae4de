"""Text as token ids, and back.

    protocol.py      what every tokenizer can do, its fingerprint, and the ids with a meaning
    alphabet.py      GPT-2's order and spelling of the 256 bytes
    pretokenize.py   where text is cut before its bytes are merged: GPT-2's rule and cl100k's
    merging.py       byte-level BPE learnt from words, and the merges read back from a vocabulary
    tokenizer_json.py   tokenizer.json, the form of Hugging Face's `tokenizers`
    char.py          CharTokenizer: one id a character
    bpe.py           BPETokenizer: trained by merging.py, run by tiktoken
    published.py     gpt2 and cl100k_base
    load.py          load_tokenizer: a published one or a saved one
    explain.py       the merges of one text, one after another

The classes and `load_tokenizer` are names of `pygpt` itself.
"""
