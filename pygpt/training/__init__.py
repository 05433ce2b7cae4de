"""Training runs: batches in, records and checkpoints out.

    schedule.py    the learning rate of each step
    evaluation.py  validation loss, perplexity, bits per byte
    metrics.py     one record a step, to JSON-lines and TensorBoard
    state.py       a run's state in a checkpoint, beside the model's two files
    run_folder.py  the checkpoints of a run, under a lock
    trainer.py     the loop
    finetune.py    the same from a saved model
    recipes.py     architecture, options and data by name, or from a TOML file
    display.py     what a user sees of a run

The classes are names of `pygpt` itself.
"""
