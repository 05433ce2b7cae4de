"""Models as folders: pygpt's own, and Hugging Face's.

A folder has config.json and model.safetensors. An architecture that Hugging Face's GPT-2 or Llama
has, and a model of another family that pygpt read, are written as `transformers` writes them (see
families/), with generation_config.json for the special ids. Any other has `"model_type": "pygpt"`
and the fields of `GPTConfig` in config.json, and its weights under GPT-2's names. Both are float32.
The tokenizer goes to tokenizer.json, but for one of characters in our own form: that is
`"characters"` in config.json, and if the vocabulary is one larger than they are, it has BOS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pygpt.checkpoints import (
    adapters,
    foreign,
    gguf_models,
    hub,
    huggingface,
    layouts,
    nanogpt,
    pair_folder,
    torch_files,
)
from pygpt.checkpoints.beside import (
    CONFIG_FILE,
    GENERATION_FILE,
    chat_template,
    generation_ids,
    own_config,
    read_json,
    read_tokenizer,
)
from pygpt.checkpoints.families import FAMILIES
from pygpt.checkpoints.gguf import GgufTensor
from pygpt.checkpoints.safetensors import Place, StoredTensor
from pygpt.checkpoints.weights import (
    FILES_OF_WEIGHTS,
    WEIGHTS_FILE,
    check_tensors,
    open_weights,
    use_second_head,
    with_prefix,
)
from pygpt.checkpoints.written import FORMATS as FORMATS
from pygpt.checkpoints.written import MODEL_TYPE
from pygpt.checkpoints.written import check_writable as check_writable
from pygpt.checkpoints.written import save as save
from pygpt.checkpoints.written import write_files as write_files
from pygpt.errors import CheckpointError, ConfigError, TokenError
from pygpt.files import checksums
from pygpt.model.config import GPTConfig
from pygpt.tokenizers import gguf as gguf_tokenizers
from pygpt.tokenizers.protocol import NO_SPECIAL_IDS, SpecialIds, Tokenizer

TORCH_SUFFIX = ".pt"


@dataclass(frozen=True)
class Saved:
    """A model folder, open: what it holds, checked, but for the weights' numbers.

    Attributes:
        adapter: the folder of an adapter that lies beside the weights; None for none.
        base: what that folder calls the model beside which it lies; empty without one.
    """

    config: GPTConfig
    tokenizer: Tokenizer | None
    tokenizer_problem: str | None
    special_ids: SpecialIds
    chat_template: str | None
    _places: Mapping[str, Place]
    _stored: Mapping[str, StoredTensor | GgufTensor]
    adapter: Path | None = None
    base: str = ""

    @property
    def dtypes(self) -> list[str]:
        """The dtypes of its tensors, as safetensors calls them."""
        return sorted({tensor.dtype for tensor in self._stored.values()})

    def copy_to(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Set every weight of a model of this configuration; not-a-number is let through."""
        for name, place in self._places.items():
            for first, block in self._stored[name].numbers():
                place.store(weights, first, block)


@contextmanager
def opened(source: Path) -> Iterator[Saved]:
    """Give what a model folder holds; its files are open within the block.

    Args:
        source: the folder, also of an adapter, whose base is then opened, or its file of weights,
            whose name ends in .safetensors; or nanoGPT's ckpt.pt, or another file whose name ends
            in .pt; or a file of llama.cpp's, .gguf.
    Raises:
        CheckpointError: it is missing, damaged, or a model that the engine does not have.
    """
    if source.suffix == TORCH_SUFFIX and source.is_file():
        with _nanogpt(source) as saved:
            yield saved
        return
    if source.suffix == gguf_models.SUFFIX and source.is_file():
        with _gguf(source) as saved:
            yield saved
        return
    is_model = any((source / name).exists() for name in (CONFIG_FILE, *FILES_OF_WEIGHTS))
    if not is_model and adapters.names_base(source):
        with _adapted(source) as saved:
            yield saved
        return
    folder, file = source, None
    if source.suffix == ".safetensors" and source.is_file():
        folder, file = source.parent, source.name
    with ExitStack() as files:
        with _about(folder):
            if not folder.is_dir():
                raise CheckpointError(foreign.no_folder(folder))
            values = read_json(folder, CONFIG_FILE)
        if (folder / checksums.FILE_NAME).exists():  # a checkpoint of a training run
            checksums.verify_checksums(folder, (CONFIG_FILE, WEIGHTS_FILE))
        with _about(folder):
            saved = _open(folder, file, values, files)
        yield saved


@contextmanager
def _adapted(folder: Path) -> Iterator[Saved]:
    """Give what the base of an adapter holds, with what the adapter's folder has instead."""
    base = adapters.base_of(folder)
    if (folder / checksums.FILE_NAME).exists():  # a checkpoint of a training run
        checksums.verify_checksums(folder, (adapters.CONFIG_FILE, adapters.WEIGHTS_FILE))
    path = hub.fetch(base) if hub.is_name(base) else Path(base)
    if not path.exists():
        where = f"expected its base {base}, where it was when the adapter was trained"
        raise CheckpointError(f"adapter {folder}: {where}; load that, and then load_adapter")
    with opened(path) as saved:
        if saved.adapter is not None:
            raise CheckpointError(f"adapter {folder}: its base {base} has an adapter: merge that")
        with _about(folder):
            tokenizer, problem = read_tokenizer(folder, saved.config)
            if tokenizer is None and problem is None:
                tokenizer, problem = saved.tokenizer, saved.tokenizer_problem
            has_ids = (folder / GENERATION_FILE).is_file()
            yield replace(
                saved,
                tokenizer=tokenizer,
                tokenizer_problem=problem,
                special_ids=generation_ids(folder) if has_ids else saved.special_ids,
                chat_template=chat_template(folder) or saved.chat_template,
                adapter=folder,
                base=base,
            )


@contextmanager
def _nanogpt(path: Path) -> Iterator[Saved]:
    """Give what nanoGPT's ckpt.pt holds, without running what is in it."""
    where = f"checkpoint {path}"
    try:
        with torch_files.opened(path) as content:
            config, places, stored = nanogpt.read(content)
            check_tensors(path.name, config, stored, places)
            yield Saved(config, None, None, NO_SPECIAL_IDS, None, places, stored)
    except CheckpointError as error:
        separator = " " if str(error).startswith(("is ", "has ", "holds ")) else ": "
        raise CheckpointError(f"{where}{separator}{error}") from error
    except OSError as error:
        raise CheckpointError(f"{where}: cannot be read: {error}") from error


@contextmanager
def _gguf(path: Path) -> Iterator[Saved]:
    """Give what a file of llama.cpp's holds."""
    with gguf_models.opened(path) as (config, metadata, places, stored):
        check_tensors(path.name, config, stored, places)
        ids = gguf_tokenizers.special_ids(metadata)
        tokenizer, problem = gguf_models.read_tokenizer(path, metadata, config)
        template = metadata.get(gguf_tokenizers.CHAT_TEMPLATE)
        template = template if isinstance(template, str) else None
        yield Saved(config, tokenizer, problem, ids, template, places, stored)


@contextmanager
def _about(folder: Path) -> Iterator[None]:
    """Put the folder before messages."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"model folder {folder}: {error}") from error
    except OSError as error:
        raise CheckpointError(f"model folder {folder}: cannot be read: {error}") from error


def _open(folder: Path, file: str | None, values: Any, files: ExitStack) -> Saved:
    kind = values.get("model_type") if isinstance(values, dict) else None
    tokenizer: Tokenizer | None = None
    try:
        if kind == MODEL_TYPE:
            config, tokenizer, ids = own_config(values)
        elif kind in huggingface.READ_TYPES:
            config, ids = huggingface.read_config(values), huggingface.read_special_ids(values)
        else:
            if kind == pair_folder.MODEL_TYPE:
                problem = "is of an encoder-decoder transformer: use pygpt.load"
                raise CheckpointError(f"{CONFIG_FILE} {problem}")
            others = ", ".join(huggingface.READ_TYPES)
            problem = f'expected "model_type": "{MODEL_TYPE}" (or one of {others}), got {kind!r}'
            raise CheckpointError(f"{CONFIG_FILE}: {problem}")
    except (ConfigError, TokenError) as error:
        raise CheckpointError(f"{CONFIG_FILE}: {error}") from error
    if kind != MODEL_TYPE and (folder / GENERATION_FILE).is_file():
        ids = generation_ids(folder)  # then it alone counts, as in transformers
    where, stored = open_weights(folder, file, files)
    fewest = config.num_tensors if kind == MODEL_TYPE else config.n_layer
    if len(stored) < fewest:  # before a list that n_layer makes endless
        raise CheckpointError(f"{where}: expected {config.num_tensors} tensors, got {len(stored)}")
    if kind == MODEL_TYPE:
        places = {name: Place(name) for name in config.weight_shapes()}
    else:
        family = FAMILIES[kind]
        stored = with_prefix(stored, family)
        places = layouts.layout(config, kind)
        if config.tie_weights:
            head = f"{family.head}.weight"
            use_second_head(where, stored, head, layouts.embedding_name(kind))
    check_tensors(where, config, stored, places)
    unusable = None
    if tokenizer is None:
        tokenizer, unusable = read_tokenizer(folder, config)
    return Saved(config, tokenizer, unusable, ids, chat_template(folder), places, stored)
