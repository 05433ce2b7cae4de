"""Models as folders: weights as safetensors, configuration and tokenizer beside them.

    safetensors.py  the file of the weights, block by block
    table.py        what is known of the families of transformers, for Java too
    translate.py    values of a config.json, checked, to fields of ours and back
    families/       the families of transformers, a row of a table each
    layouts.py      how matrices lie there, to ours and back
    huggingface.py  a config.json and its tensors to ours and back
    torch_files.py  PyTorch's files, without running what they hold
    nanogpt.py      nanoGPT's ckpt.pt
    ggml.py         numbers as ggml has them, blocks with a scale among them
    gguf.py         GGUF files, checked before they are believed, and written
    gguf_models.py  GPT-2's and Llama's in such files, to ours and back
    hub.py          models by name on the Hugging Face hub
    beside.py       config.json, and what else stands beside the weights
    weights.py      the files that have the weights, in the forms that people have them
    written.py      a model's folder, written whole or not at all
    folder.py       a model's folder, read
"""
