"""The families of transformers that are points in `GPTConfig`'s space: a row of a table each.

A row says under which keys config.json has our fields, which keys have one value that the engine
has, what several keys say together, and where the tensors lie. How they lie in ours (one product
for queries, keys and values; rotated columns in halves) says layouts.py. Java reads the same table.
https://github.com/huggingface/transformers is the reference, at version 5.

    families.json  the rows
    family.py  what a row may say
    read.py  config.json, to our fields
    gpt2.py, llama.py, qwen.py, olmo.py, gemma.py, neo.py, phi.py, bloom.py  and back
"""

from __future__ import annotations

from pygpt.checkpoints.families import bloom, gemma, gpt2, llama, neo, olmo, phi, qwen
from pygpt.checkpoints.families.family import NAMES, family
from pygpt.checkpoints.families.family import Family as Family

_WRITES = {
    **gpt2.WRITES,
    **llama.WRITES,
    **qwen.WRITES,
    **olmo.WRITES,
    **gemma.WRITES,
    **neo.WRITES,
    **phi.WRITES,
    **bloom.WRITES,
}

FAMILIES: dict[str, Family] = {name: family(name, _WRITES[name]) for name in NAMES}
"""`model_type` -> family."""
