"""GPT: a model and what is done with it."""
