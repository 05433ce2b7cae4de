"""The command line: flags and printing on top of the library; one file a command.

    main.py        the parser of all commands, exit statuses, errors as one line
    flags.py       flags from the fields of configurations
    signals.py     signals that are handled in another way for a while
    progress.py    how far a command is: a bar, lines, or nothing
    display.py     a training run while it trains: live, as lines, or not at all
    training.py    what `train` and `finetune` share
"""
