"""Models as folders: weights as safetensors, configuration and tokenizer beside them.

    safetensors.py  the file of the weights, block by block
    translate.py    values of a config.json, checked, to fields of ours and back
    readers.py      what several keys of a config.json say together, family by family
    llamas.py       the same for what is close to Llama
    gemma.py        the same for Gemma
    families.py     the families of transformers, a row of a table each
    layouts.py      how matrices lie there, to ours and back
    huggingface.py  a config.json and its tensors to ours and back
    torch_files.py  PyTorch's files, without running what they hold
    nanogpt.py      nanoGPT's ckpt.pt
    ggml.py         numbers as ggml has them, blocks with a scale among them
    gguf.py         GGUF files, checked before they are believed, and written
    gguf_models.py  GPT-2's and Llama's in such files, to ours and back
    hub.py          models by name on the Hugging Face hub
    folder.py       a model's folder, written whole or not at all, and read
"""
