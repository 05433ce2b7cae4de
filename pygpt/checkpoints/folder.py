"""Models as folders: pygpt's own, and Hugging Face's.

A folder has config.json and model.safetensors. An architecture that Hugging Face's GPT-2 or Llama
has, and a model of another family that pygpt read, are written as `transformers` writes them (see
families.py), with generation_config.json for the special ids. Any other has `"model_type": "pygpt"`
and the fields of `GPTConfig` in config.json, and its weights under GPT-2's names. Both are float32.
The tokenizer goes to tokenizer.json, but for one of characters in our own form: that is
`"characters"` in config.json, and if the vocabulary is one larger than they are, it has BOS.

A folder is written beside its place and then renamed, so that it is there as a whole or not at all.
What pygpt wrote it knows by `"model_type"`, or in Hugging Face's form by a note in the header of
model.safetensors, which `transformers` does not copy when it saves such a model again.
"""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pygpt.checkpoints import foreign, huggingface, layouts, nanogpt, pair_folder, torch_files
from pygpt.checkpoints import safetensors as tensors
from pygpt.checkpoints.families import FAMILIES, Family
from pygpt.checkpoints.safetensors import Place, StoredTensor
from pygpt.errors import CheckpointError, ConfigError, TokenError
from pygpt.fields import from_dict
from pygpt.files import checksums
from pygpt.files.atomic import folder_beside, free_or_ours, replace_folder, write_synced
from pygpt.model.config import GPTConfig
from pygpt.tokenizers.char import CharTokenizer
from pygpt.tokenizers.protocol import NO_SPECIAL_IDS, SpecialIds, Tokenizer, with_roles

MODEL_TYPE = "pygpt"
FORMATS = ("pygpt", "huggingface")
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"  # of weights in several files
_FILES_OF_WEIGHTS = (  # the first that is there counts
    *(WEIGHTS_FILE, INDEX_FILE),
    *("pytorch_model.bin", "pytorch_model.bin.index.json"),
)
TORCH_SUFFIX = ".pt"
_CONVERT = (
    "; where transformers is installed, this converts the folder: python -c 'from transformers "
    'import AutoModelForCausalLM as A; A.from_pretrained("{}").save_pretrained("converted")\''
)
GENERATION_FILE = "generation_config.json"
TOKENIZER_FILE = "tokenizer.json"
TOKENIZER_CONFIG_FILE = "tokenizer_config.json"
CHAT_TEMPLATE_FILE = "chat_template.jinja"
# Names in a folder that we wrote.
_ALWAYS_OURS = (CONFIG_FILE, WEIGHTS_FILE, GENERATION_FILE, CHAT_TEMPLATE_FILE)
_HUGGING_FACE_METADATA = {"format": "pt", "writer": "pygpt"}  # transformers wants the first


@dataclass(frozen=True)
class Saved:
    """A model folder, open: what it holds, checked, but for the weights' numbers."""

    config: GPTConfig
    tokenizer: Tokenizer | None
    tokenizer_problem: str | None
    special_ids: SpecialIds
    chat_template: str | None
    _places: Mapping[str, Place]
    _stored: Mapping[str, StoredTensor]

    @property
    def dtypes(self) -> list[str]:
        """The dtypes of its tensors, as safetensors calls them."""
        return sorted({tensor.dtype for tensor in self._stored.values()})

    def copy_to(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Set every weight of a model of this configuration; not-a-number is let through."""
        for name, place in self._places.items():
            for first, block in self._stored[name].numbers():
                place.store(weights, first, block)


# ---- writing ---------------------------------------------------------------------------------


def check_writable(folder: Path) -> None:
    """Raise an OutputError if `save` cannot write this folder; leave nothing behind."""
    with folder_beside(_target(folder, ())):
        pass


def save(
    folder: Path,
    config: GPTConfig,
    weights: Mapping[str, NDArray[Any]],
    *,
    tokenizer: Tokenizer | None = None,
    special_ids: SpecialIds = NO_SPECIAL_IDS,
    chat_template: str | None = None,
    format: str | None = None,
) -> None:
    """Write a model folder; one that pygpt wrote before is replaced.

    Args:
        weights: name -> array; written as float32, one after another.
        special_ids: in Hugging Face's form, those that are not there are the tokenizer's.
        format: one of `FORMATS`; None for Hugging Face's if it has the architecture, else ours.
    Raises:
        ConfigError: an unknown format, or Hugging Face has no such architecture.
        OutputError: the folder exists and pygpt did not write it, or has a tokenizer.json that
            would not be replaced; or it cannot be written.
    """
    family = _family(config, format)
    own_characters = family is None and isinstance(tokenizer, CharTokenizer)
    in_file = tokenizer is not None and not own_characters
    if family is not None:
        files = _hugging_face_files(family, config, weights, tokenizer, special_ids)
    else:
        files = _own_files(config, weights, tokenizer, special_ids)
    if chat_template is not None:
        files[CHAT_TEMPLATE_FILE] = [chat_template.encode()]
    target = _target(folder, [*files, TOKENIZER_FILE] if in_file else list(files))
    with folder_beside(target) as staged:
        for name, parts in files.items():
            write_synced(staged / name, parts)
        if tokenizer is not None and in_file:
            tokenizer.save(staged / TOKENIZER_FILE)
        replace_folder(target, staged)


def write_files(
    folder: Path,
    config: GPTConfig,
    weights: Mapping[str, NDArray[Any]],
    tokenizer: Tokenizer | None = None,
    special_ids: SpecialIds = NO_SPECIAL_IDS,
) -> None:
    """Write a model's two files, in our own format, into a folder; wait until the disk has them.

    The tokenizer is one of characters, or None.
    """
    for name, parts in _own_files(config, weights, tokenizer, special_ids).items():
        write_synced(folder / name, parts)


def _family(config: GPTConfig, format: str | None) -> str | None:
    """Return the family of Hugging Face's in whose form a model is written, None for our own."""
    if format not in (None, *FORMATS):
        raise ConfigError("format", f"expected one of {', '.join(FORMATS)}, got {format!r}")
    if format == "pygpt":
        return None
    try:
        return huggingface.family_for(config)
    except ConfigError:
        if format == "huggingface":
            raise
        return None


def _own_files(
    config: GPTConfig,
    weights: Mapping[str, NDArray[Any]],
    tokenizer: Tokenizer | None,
    special_ids: SpecialIds = NO_SPECIAL_IDS,
) -> dict[str, Iterable[bytes]]:
    values: dict[str, Any] = {"model_type": MODEL_TYPE, **config.to_dict()}
    if isinstance(tokenizer, CharTokenizer):
        values["characters"] = tokenizer.characters
    if special_ids != NO_SPECIAL_IDS:
        values["special_ids"] = asdict(special_ids)
    return {WEIGHTS_FILE: tensors.encode(weights, {"format": "np"}), CONFIG_FILE: _json(values)}


def _hugging_face_files(
    family: str,
    config: GPTConfig,
    weights: Mapping[str, NDArray[Any]],
    tokenizer: Tokenizer | None,
    special_ids: SpecialIds,
) -> dict[str, Iterable[bytes]]:
    places = layouts.layout(config, family)
    arrays = {name: place.part(weights) for name, place in places.items()}
    ids = with_roles(special_ids, tokenizer)
    files: dict[str, Iterable[bytes]] = {
        WEIGHTS_FILE: tensors.encode(arrays, _HUGGING_FACE_METADATA),
        CONFIG_FILE: _json(huggingface.config_as_json(config, family, ids)),
        GENERATION_FILE: _json(huggingface.special_ids_as_json(ids)),
    }
    if tokenizer is not None:  # whose class AutoTokenizer looks for
        values: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"}
        values["model_max_length"] = config.block_size
        names = {i: text for text, i in tokenizer.specials.items()}
        for role, found in (("bos", ids.bos), ("eos", next(iter(ids.eos), None)), ("pad", ids.pad)):
            if found in names:
                values[f"{role}_token"] = names[found]
        files[TOKENIZER_CONFIG_FILE] = _json(values)
    return files


def _json(values: Mapping[str, Any]) -> list[bytes]:
    return [(json.dumps(values, indent=2) + "\n").encode()]


def _target(folder: Path, names: Iterable[str]) -> Path:
    """Return the real path to write, once free, or ours with no other files than these."""
    return free_or_ours(folder, "model", lambda target: _is_ours(target, {*_ALWAYS_OURS, *names}))


def _is_ours(folder: Path, names: set[str]) -> bool:
    present = {entry.name for entry in os.scandir(folder) if entry.is_file()}
    if not {CONFIG_FILE, WEIGHTS_FILE} <= present <= names or present != {*os.listdir(folder)}:
        return False
    try:
        config = json.loads((folder / CONFIG_FILE).read_bytes())
        if isinstance(config, dict) and config.get("model_type") == MODEL_TYPE:
            return True
        with tensors.opened(folder / WEIGHTS_FILE) as (_, metadata):
            return metadata == _HUGGING_FACE_METADATA
    except (ValueError, RecursionError, CheckpointError):
        return False


# ---- reading ---------------------------------------------------------------------------------


@contextmanager
def opened(source: Path) -> Iterator[Saved]:
    """Give what a model folder holds; its files are open within the block.

    Args:
        source: the folder, or its file of weights, whose name ends in .safetensors; or nanoGPT's
            ckpt.pt, or another file whose name ends in .pt.
    Raises:
        CheckpointError: it is missing, damaged, or a model that the engine does not have.
    """
    if source.suffix == TORCH_SUFFIX and source.is_file():
        with _nanogpt(source) as saved:
            yield saved
        return
    folder, file = source, None
    if source.suffix == ".safetensors" and source.is_file():
        folder, file = source.parent, source.name
    with ExitStack() as files:
        with _about(folder):
            if not folder.is_dir():
                raise CheckpointError(foreign.no_folder(folder))
            values = _read_json(folder, CONFIG_FILE)
        if (folder / checksums.FILE_NAME).exists():  # a checkpoint of a training run
            checksums.verify_checksums(folder, (CONFIG_FILE, WEIGHTS_FILE))
        with _about(folder):
            saved = _open(folder, file, values, files)
        yield saved


@contextmanager
def _nanogpt(path: Path) -> Iterator[Saved]:
    """Give what nanoGPT's ckpt.pt holds, without running what is in it."""
    where = f"checkpoint {path}"
    try:
        with torch_files.opened(path) as content:
            config, places, stored = nanogpt.read(content)
            _check_tensors(path.name, config, stored, places)
            yield Saved(config, None, None, NO_SPECIAL_IDS, None, places, stored)
    except CheckpointError as error:
        separator = " " if str(error).startswith(("is ", "has ", "holds ")) else ": "
        raise CheckpointError(f"{where}{separator}{error}") from error
    except OSError as error:
        raise CheckpointError(f"{where}: cannot be read: {error}") from error


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
            config, tokenizer, ids = _own_config(values)
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
        ids = _generation_ids(folder)  # then it alone counts, as in transformers
    where, stored = _open_weights(folder, file, files)
    fewest = config.num_tensors if kind == MODEL_TYPE else config.n_layer
    if len(stored) < fewest:  # before a list that n_layer makes endless
        raise CheckpointError(f"{where}: expected {config.num_tensors} tensors, got {len(stored)}")
    if kind == MODEL_TYPE:
        places = {name: Place(name) for name in config.weight_shapes()}
    else:
        family = FAMILIES[kind]
        stored = _with_prefix(stored, family)
        places = layouts.layout(config, kind)
        if config.tie_weights:
            head = f"{family.head}.weight"
            _use_second_head(where, stored, head, layouts.embedding_name(kind))
    _check_tensors(where, config, stored, places)
    unusable = None
    if tokenizer is None:
        tokenizer, unusable = _read_tokenizer(folder, config)
    return Saved(config, tokenizer, unusable, ids, _chat_template(folder), places, stored)


# config.json and what stands beside it


def _read_json(folder: Path, name: str) -> Any:
    try:
        return json.loads((folder / name).read_bytes())
    except FileNotFoundError as error:
        what = foreign.without_config(folder)
        raise CheckpointError(f"{name} is missing; {what}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{name} is damaged: {error}") from error


def _own_config(values: dict[str, Any]) -> tuple[GPTConfig, CharTokenizer | None, SpecialIds]:
    fields = {name: value for name, value in values.items() if name != "model_type"}
    characters = fields.pop("characters", None)
    special = fields.pop("special_ids", None)
    config = from_dict(GPTConfig, fields, complete=True)
    tokenizer = None if characters is None else _characters(characters, config)
    if special is None:
        return config, tokenizer, NO_SPECIAL_IDS
    if not isinstance(special, dict):
        raise ConfigError("special_ids", f"expected an object, got {special!r}")
    named = {f"{name}_token_id": value for name, value in special.items()}
    return config, tokenizer, huggingface.read_special_ids(named)


def _characters(characters: Any, config: GPTConfig) -> CharTokenizer:
    if not isinstance(characters, str):
        raise TokenError(f"characters: expected text, got {characters!r}")
    expected = CharTokenizer(characters).vocab_size
    if config.vocab_size not in (expected, expected - 1):  # without BOS
        problem = f"expected {expected}, for its characters, got {config.vocab_size}"
        raise ConfigError("vocab_size", problem)
    return CharTokenizer(characters, bos=config.vocab_size == expected)


def _generation_ids(folder: Path) -> SpecialIds:
    values = _read_json(folder, GENERATION_FILE)
    try:
        if not isinstance(values, dict):
            raise ConfigError(GENERATION_FILE, "expected an object")
        return huggingface.read_special_ids(values)
    except ConfigError as error:
        raise CheckpointError(f"{GENERATION_FILE}: {error}") from error


def _read_tokenizer(folder: Path, config: GPTConfig) -> tuple[Tokenizer | None, str | None]:
    """Return the folder's tokenizer, if it has one; or a warning why it is of no use, given."""
    from pygpt.tokenizers.load import is_there, load_tokenizer

    if not is_there(folder):
        return None, None
    try:
        tokenizer = load_tokenizer(folder)
        if tokenizer.vocab_size <= config.vocab_size:  # which some models have padded
            return tokenizer, None
        size = f"{tokenizer.vocab_size} ids, more than the model's {config.vocab_size}"
        problem = f"tokenizer {folder / TOKENIZER_FILE}: has {size}"
    except TokenError as error:
        problem = str(error)
    warnings.warn(f"{problem}; the model takes ids alone, no text", stacklevel=6)
    return None, problem


def _chat_template(folder: Path) -> str | None:
    """Return the template of conversations, from its file or from tokenizer_config.json."""
    if (folder / CHAT_TEMPLATE_FILE).is_file():
        return (folder / CHAT_TEMPLATE_FILE).read_text(encoding="utf-8")
    try:
        values = json.loads((folder / TOKENIZER_CONFIG_FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    found = values.get("chat_template") if isinstance(values, dict) else None
    if isinstance(found, list):  # several, with names
        named = {one.get("name"): one.get("template") for one in found if isinstance(one, dict)}
        found = named.get("default")
    return found if isinstance(found, str) else None


# weights


def _open_weights(
    folder: Path, file: str | None, files: ExitStack
) -> tuple[str, dict[str, StoredTensor]]:
    """Return the file that has the tensors, or lists those that do, and name -> tensor."""
    if file is not None:
        return file, _open_file(folder, file, files)
    present = [name for name in _FILES_OF_WEIGHTS if (folder / name).is_file()]
    if not present:
        return WEIGHTS_FILE, _open_file(folder, WEIGHTS_FILE, files)
    opener = _open_shards if present[0].endswith(".json") else _open_file
    return present[0], opener(folder, present[0], files)


def _open_file(folder: Path, file: str, files: ExitStack) -> dict[str, StoredTensor]:
    if not (folder / file).is_file():
        raise CheckpointError(f"{file} is missing")
    if foreign.is_lfs_pointer(folder / file):
        problem = "is a pointer of Git LFS, not the file itself: run `git lfs pull` in the folder"
        raise CheckpointError(f"{file} {problem}")
    try:
        if file.endswith(".bin"):
            content = files.enter_context(torch_files.opened(folder / file))
            return dict(torch_files.tensors_of(content))
        return files.enter_context(tensors.opened(folder / file))[0]
    except CheckpointError as error:
        separator = " " if str(error).startswith(("is ", "has ", "holds ")) else ": "
        advice = _CONVERT.format(folder) if file.endswith(".bin") else ""
        raise CheckpointError(f"{file}{separator}{error}{advice}") from error


def _open_shards(
    folder: Path, index_file: str, files: ExitStack
) -> dict[str, StoredTensor]:
    index = _read_json(folder, index_file)
    homes = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(homes, dict) or not homes:
        raise CheckpointError(f"{index_file}: expected a weight_map, got {homes!r}")
    for file in homes.values():
        suffix = ".bin" if index_file.endswith(".bin.index.json") else ".safetensors"
        name = r"[\w.-]+" + re.escape(suffix)
        if not isinstance(file, str) or not re.fullmatch(name, file):
            problem = f"expected the name of a {suffix} file in the folder, got {file!r}"
            raise CheckpointError(f"{index_file}: weight_map: {problem}")
    stored: dict[str, StoredTensor] = {}
    for file in sorted(set(homes.values())):
        for name, tensor in _open_file(folder, file, files).items():
            if homes.get(name) != file:
                problem = f"tensor {name} is in {file}, expected {homes.get(name)}"
                raise CheckpointError(f"{index_file}: {problem}")
            stored[name] = tensor
    for name in sorted(homes.keys() - stored.keys()):
        raise CheckpointError(f"{index_file}: tensor {name} is missing in {homes[name]}")
    return stored


def _with_prefix(stored: Mapping[str, StoredTensor], family: Family) -> dict[str, StoredTensor]:
    """Return the tensors by their full names, without constants."""
    prefix = family.prefix
    plain = not any(name.startswith(prefix) for name in stored)  # saved from the inner model
    named = {}
    for name, tensor in stored.items():
        full = prefix + name if plain and not name.startswith(f"{family.head}.") else name
        if not huggingface.is_buffer(full.removeprefix(prefix)):
            named[full] = tensor
    return named


def _use_second_head(
    where: str, stored: dict[str, StoredTensor], head: str, embedding: str
) -> None:
    """Leave out an output matrix that the file has beside the embedding, which it must equal, or
    take it for the embedding where the file lacks that."""
    if head not in stored:
        return
    tensor = stored.pop(head)
    if not tensor.has_bytes_of(stored.setdefault(embedding, tensor)):
        problem = f"expected the numbers of {embedding}, since tie_word_embeddings is true"
        raise CheckpointError(f"{where}: {head}: {problem}")


def _check_tensors(
    where: str,
    config: GPTConfig,
    stored: Mapping[str, StoredTensor],
    places: Mapping[str, Place],
) -> None:
    """Check names, shapes and dtypes, so that the numbers can be copied."""
    for wrong in sorted(stored.keys() ^ places.keys()):
        state = "is missing" if wrong in places else "is not of this model"
        raise CheckpointError(f"{where}: tensor {wrong} {state}")
    shapes = config.weight_shapes()
    for name, place in places.items():
        expected, tensor = place.shape_of(shapes[place.name]), stored[name]
        if tensor.shape != expected:
            problem = f"expected shape {expected}, got {tensor.shape}"
            raise CheckpointError(f"{where}: {name}: {problem}")
        if tensor.dtype not in tensors.READ_DTYPES:
            problem = f"expected {', '.join(tensors.READ_DTYPES)}, got {tensor.dtype}"
            raise CheckpointError(f"{where}: {name}: {problem}")
