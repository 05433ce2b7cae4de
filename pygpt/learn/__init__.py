"""Lessons that run: each is a Markdown file of `pygpt/lessons`.

    lesson.py      a file as parts: text, code with what it prints, a prediction, a change
    play.py        its parts run one after another, for somebody who answers or nobody
    notebook.py    the same lesson as a Jupyter notebook
"""
