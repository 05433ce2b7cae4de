"""Tasks for an encoder-decoder transformer that need no data, since their pairs are made here.

    numbers.py   numbers in words, English and German
    dates.py     dates in many forms, and as ISO 8601 has them
    tasks.py     the tasks by their names, with architecture and options
    train.py     trains one of them and says how many unseen pairs it gets right
"""
