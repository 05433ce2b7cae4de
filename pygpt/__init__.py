"""GPTs trained and run on the JVM, driven from Python.

Importing this package starts no JVM; the first model does. docs/architecture.md says what each
folder has.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pygpt.datasets.dataset import Dataset as Dataset
    from pygpt.datasets.pairs import PairDataset as PairDataset
    from pygpt.datasets.pairs import Pairs as Pairs
    from pygpt.datasets.pairs import PairSampler as PairSampler
    from pygpt.datasets.prepare import prepare as prepare
    from pygpt.datasets.rows import PackedSampler as PackedSampler
    from pygpt.datasets.sampler import WindowSampler as WindowSampler
    from pygpt.datasets.sources import read_documents as read_documents
    from pygpt.datasets.token_file import TokenFile as TokenFile
    from pygpt.engine.network import Network as Network
    from pygpt.errors import CheckpointError as CheckpointError
    from pygpt.errors import ClosedError as ClosedError
    from pygpt.errors import ConfigError as ConfigError
    from pygpt.errors import DataError as DataError
    from pygpt.errors import DeviceError as DeviceError
    from pygpt.errors import OutputError as OutputError
    from pygpt.errors import PygptError as PygptError
    from pygpt.errors import ShapeError as ShapeError
    from pygpt.errors import TokenError as TokenError
    from pygpt.errors import TooLargeError as TooLargeError
    from pygpt.files.text import read_text as read_text
    from pygpt.generate.chat import Conversation as Conversation
    from pygpt.generate.config import GenerateConfig as GenerateConfig
    from pygpt.model.config import GPTConfig as GPTConfig
    from pygpt.model.encoder_decoder import EncoderDecoder as EncoderDecoder
    from pygpt.model.encoder_decoder_config import EncoderDecoderConfig as EncoderDecoderConfig
    from pygpt.model.gpt import GPT as GPT
    from pygpt.model.gpt import load as load
    from pygpt.model.lora import LoraConfig as LoraConfig
    from pygpt.model.network_config import Dense as Dense
    from pygpt.names.config import NamesConfig as NamesConfig
    from pygpt.names.protocol import NamesRun as NamesRun
    from pygpt.plot import plot_runs as plot_runs
    from pygpt.preferences.config import DPOConfig as DPOConfig
    from pygpt.preferences.config import GRPOConfig as GRPOConfig
    from pygpt.preferences.dpo import DPOTrainer as DPOTrainer
    from pygpt.preferences.grpo import GRPOTrainer as GRPOTrainer
    from pygpt.preferences.pairs import PreferencePairs as PreferencePairs
    from pygpt.preferences.prefer import prefer as prefer
    from pygpt.preferences.reward_model import RewardModel as RewardModel
    from pygpt.preferences.reward_model import RewardTrainer as RewardTrainer
    from pygpt.tokenizers.bpe import BPETokenizer as BPETokenizer
    from pygpt.tokenizers.char import CharTokenizer as CharTokenizer
    from pygpt.tokenizers.load import load_tokenizer as load_tokenizer
    from pygpt.tokenizers.protocol import Tokenizer as Tokenizer
    from pygpt.training.config import TrainConfig as TrainConfig
    from pygpt.training.evaluation import Evaluation as Evaluation
    from pygpt.training.evaluation import evaluate as evaluate
    from pygpt.training.finetune import finetune as finetune
    from pygpt.training.metrics import JsonLines as JsonLines
    from pygpt.training.metrics import Record as Record
    from pygpt.training.metrics import TensorBoard as TensorBoard
    from pygpt.training.run import train as train
    from pygpt.training.trainer import Trainer as Trainer
    from pygpt.vectors.keyed import KeyedVectors as KeyedVectors
    from pygpt.vectors.search import SearchIndex as SearchIndex
    from pygpt.vectors.word2vec import Word2Vec as Word2Vec

    __version__: str

# Module -> its public names; the imports above say the same to type checkers.
_ROOMS = {
    "datasets.dataset": "Dataset",
    "datasets.rows": "PackedSampler",
    "datasets.pairs": "PairDataset PairSampler Pairs",
    "datasets.prepare": "prepare",
    "datasets.token_file": "TokenFile",
    "datasets.sampler": "WindowSampler",
    "datasets.sources": "read_documents",
    "engine.network": "Network",
    "errors": "CheckpointError ClosedError ConfigError DataError DeviceError OutputError "
    "PygptError ShapeError TokenError TooLargeError",
    "files.text": "read_text",
    "generate.chat": "Conversation",
    "generate.config": "GenerateConfig",
    "model.config": "GPTConfig",
    "model.encoder_decoder": "EncoderDecoder",
    "model.encoder_decoder_config": "EncoderDecoderConfig",
    "model.gpt": "GPT load",
    "model.lora": "LoraConfig",
    "model.network_config": "Dense",
    "names.config": "NamesConfig",
    "names.protocol": "NamesRun",
    "plot": "plot_runs",
    "preferences.config": "DPOConfig GRPOConfig",
    "preferences.dpo": "DPOTrainer",
    "preferences.grpo": "GRPOTrainer",
    "preferences.pairs": "PreferencePairs",
    "preferences.prefer": "prefer",
    "preferences.reward_model": "RewardModel RewardTrainer",
    "tokenizers.bpe": "BPETokenizer",
    "tokenizers.char": "CharTokenizer",
    "tokenizers.load": "load_tokenizer",
    "tokenizers.protocol": "Tokenizer",
    "training.config": "TrainConfig",
    "training.evaluation": "Evaluation evaluate",
    "training.finetune": "finetune",
    "training.metrics": "JsonLines Record TensorBoard",
    "training.run": "train",
    "training.trainer": "Trainer",
    "vectors.keyed": "KeyedVectors",
    "vectors.search": "SearchIndex",
    "vectors.word2vec": "Word2Vec",
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names.split()}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Import the module of a public name when the name is first used (PEP 562)."""
    if name == "__version__":
        value: Any = _version()
    elif name in _HOMES:
        value = getattr(import_module(f"pygpt.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module 'pygpt' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, "__version__"})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pygpt")
    except PackageNotFoundError:  # a source tree on the path, not installed
        return "0+unknown"
