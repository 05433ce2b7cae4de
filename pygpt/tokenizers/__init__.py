"""Text as token ids, and back.

    protocol.py      what every tokenizer can do, its fingerprint, and the ids with a meaning
    alphabet.py      GPT-2's order and spelling of the 256 bytes
    pretokenize.py   where text is cut before its bytes are merged: GPT-2's rule and cl100k's
    merging.py       byte-level BPE learnt from words, and the merges read back from a vocabulary
    tokenizer_json.py   tokenizer.json, the form of Hugging Face's `tokenizers`
    char.py          CharTokenizer: one id a character
    bpe.py           BPETokenizer: trained by merging.py, run by tiktoken
    published.py     gpt2 and cl100k_base
    added.py, pieces.py, steps.py, template.py   the parts of a tokenizer.json of others, run here
    file_tokenizer.py   FileTokenizer: such a file, or the package `tokenizers` in its place
    beside.py        which tokens begin and end a text; vocab.json with merges.txt
    gguf.py          GGUF's metadata of a tokenizer, to ours and back
    load.py          load_tokenizer: a published one or a saved one
    chat_template.py a conversation as text, and as tokens to learn from
    explain.py       the merges of one text, one after another

The classes and `load_tokenizer` are names of `pygpt` itself.
"""
