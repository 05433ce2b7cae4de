"""Word vectors (word2vec), and search by meaning over one's own text.

In the order of their imports:
    config.py      the options of word2vec, by gensim's names
    words.py       text as sentences of words
    statistics.py  Pearson's and Spearman's correlation
    evaluate.py    sets of analogies, and of pairs that people have rated
    planted.py     a corpus made here, whose analogies are known
    formats.py     files of word2vec's two forms
    keyed.py       KeyedVectors: vectors of words, and what can be asked of them
    word2vec.py    Word2Vec: their training
    chunks.py      a text as pieces that fit into a prompt
    search.py      pieces by the cosine of their vectors with a question's
"""
