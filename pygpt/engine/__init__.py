"""The one door to Java: a model's weights, training and generation as a few coarse calls.

    door.py        Java's classes and errors, files in the jars; starts the JVM when it must
    java.py        Protocols of the Java classes that are called; java_network.py: of networks;
                   java_vectors.py: of word vectors; java_gradients.py: of gradients of activations
    arrays.py      all weights, gradients or moments as NumPy arrays
    turns.py       who of many threads is next
    freeing.py     memory of what nobody refers to any more
    handle.py      a Java object with memory of its own
    training.py    updates of a model's weights
    model.py       the weights, and what is computed of token ids
    generation.py  what follows prompts
    network.py     dense layers, trained on examples
    word_vectors.py  word2vec, trained on text

Nothing here knows of text, files or schedules.
"""

from pygpt.engine.door import EngineError, jar_resource
from pygpt.engine.training import Losses

__all__ = ["EngineError", "Losses", "jar_resource"]
