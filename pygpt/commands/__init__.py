"""The commands of `python -m pygpt` besides `names`, one module each.

Each has `add_parser(commands)`, which adds its parser and says, as `run`, what to call. flags.py
makes flags of configurations; training.py is what `train` and `finetune` share.
"""
