"""Models as folders: weights as safetensors, configuration and tokenizer beside them.

    safetensors.py  the file of the weights, block by block
    huggingface.py  Hugging Face's GPT-2 and Llama to ours and back, as tables
    hub.py          models by name on the Hugging Face hub
    folder.py       a model's folder, written whole or not at all, and read
"""
