"""Training runs: batches in, records and checkpoints out.

    config.py      options of the optimizer, of a run, and of its data
    schedule.py    the learning rate of each step
    evaluation.py  validation loss, perplexity, bits per byte
    metrics.py     one record for each step, to JSON-lines and TensorBoard
    state.py       a run's state in a checkpoint, beside the model's two files
    run_folder.py  the checkpoints of a run, under a lock
    trainer.py     the loop
    finetune.py    the same from a saved model
    recipes.py     architecture, options and data by name, or from a TOML file
    run.py         `pygpt.train`: a run from a recipe, in a folder

The classes are names of `pygpt` itself.
"""
