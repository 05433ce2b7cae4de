"""The families of transformers that are points in `GPTConfig`'s space: a row of a table each.

A row says under which keys config.json has our fields, which keys have one value that the engine
has, how what several keys say becomes fields and back, and where the tensors lie. How they lie in
ours (one product for queries, keys and values; rotated columns in halves) says layouts.py.
https://github.com/huggingface/transformers is the reference, at version 5.

    family.py  what a row is, and what many rows have
    gpt2.py, llama.py, qwen.py, olmo.py, gemma.py, neo.py, phi.py, bloom.py  the rows
"""

from __future__ import annotations

from pygpt.checkpoints.families import bloom, gemma, gpt2, llama, neo, olmo, phi, qwen
from pygpt.checkpoints.families.family import Family as Family

FAMILIES: dict[str, Family] = {
    **gpt2.FAMILIES,
    **llama.FAMILIES,
    **qwen.FAMILIES,
    **olmo.FAMILIES,
    **gemma.FAMILIES,
    **neo.FAMILIES,
    **phi.FAMILIES,
    **bloom.FAMILIES,
}
"""`model_type` -> family."""
