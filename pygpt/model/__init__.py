"""GPT: a model and what is done with it.

    presets/       known models and the recipes that train them, as TOML
    config.py      the architecture of a model
    layout.py      the table of its weights, which Java reads too
    batch.py       token ids of a user, checked
    embeddings.py  which tokens are alike
    documents.py   documents as microgpt trains on them
    gpt.py         GPT: the engine's model, with text and folders
"""
