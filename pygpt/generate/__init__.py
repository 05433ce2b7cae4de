"""What follows a prompt.

    config.py      how a prompt is continued: the options
    prompts.py     text, texts or ids of a user, as rows of ids
    text_stream.py text that comes token by token
    generator.py   Generator: prompts join and leave while others are continued
    generation.py  prompts that are given together, continued to their end
    chat.py        Conversation: prompts and answers in turn
"""
