"""The names of the tasks, for a command line that imports nothing else of them."""

TASK_NAMES = ("number-words", "dates", "copy", "reverse")
