"""Hostile folders: whatever the bytes, a load gives what the file says or one clear error.

`python -m tests.checkpoints.test_checkpoint_fuzz SECONDS` goes on for so long, with new examples.
"""

from __future__ import annotations

import json
import resource
import shutil
import struct
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from pygpt import CheckpointError, GPTConfig
from pygpt.checkpoints import folder as checkpoint
from tests.reference import gpt
from tests.reference.frozen import GOLDEN, from_gpt2, from_llama

LLAMA = GPTConfig(
    3, 5, 1, 2, 4, n_kv_head=1, n_inner=3, bias=False, norm="rmsnorm", activation="swiglu",
    tie_weights=False, positions="rotary",
)  # fmt: skip
OUTCOMES: Counter[str] = Counter()


def _valid() -> dict[str, dict[str, bytes]]:
    """Name -> files of a good folder: both formats, and weights in two files."""
    folders: dict[str, dict[str, bytes]] = {}
    with tempfile.TemporaryDirectory() as top:
        for name, config in {"gpt2": GPTConfig(3, 5, 1, 1, 2), "llama": LLAMA}.items():
            rng = np.random.default_rng(3)
            weights = {n: rng.normal(size=s) for n, s in config.weight_shapes().items()}
            for format in checkpoint.FORMATS:
                folder = Path(top, f"{name}_{format}")
                checkpoint.save(folder, config, weights, format=format)
                folders[folder.name] = {p.name: p.read_bytes() for p in folder.iterdir()}
    tiny = {p.name: p.read_bytes() for p in (GOLDEN / "hf_gpt2_tiny").iterdir()}
    tiny.pop("expected.npz")
    whole = tiny.pop("model.safetensors")
    header = _header(whole)
    homes = {name: "a-1.safetensors" for name in header if name != "__metadata__"}
    tiny |= {
        "a-1.safetensors": whole,
        "model.safetensors.index.json": json.dumps({"weight_map": homes}).encode(),
    }
    return folders | {"shards": tiny}


def _header(file: bytes) -> dict[str, Any]:
    (length,) = struct.unpack("<Q", file[:8])
    header = json.loads(file[8 : 8 + length])
    assert isinstance(header, dict)
    return header


FOLDERS = _valid()
NUMBERS = st.one_of(
    st.integers(-2, 70), st.integers(-(2**65), 2**65), st.sampled_from([2**31, 2**63, 2**64 - 1])
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)
DTYPES = st.sampled_from("F32 F16 BF16 F64 I32 U8 BOOL F8_E5M2 F4 C64 f32".split())


@st.composite
def _changed_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes in which some are cut off, put in, or changed, most of them where a header is."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        near = draw(st.sampled_from([8, 64, 1024, len(changed)]))
        at = draw(st.integers(0, min(near, len(changed))))
        kind = draw(st.sampled_from(["cut", "insert", "change", "delete"]))
        if kind == "cut":
            del changed[at:]
        elif kind == "insert":
            changed[at:at] = draw(st.binary(max_size=9))
        elif kind == "change":
            some = draw(st.binary(max_size=9))
            changed[at : at + len(some)] = some
        else:
            del changed[at : at + draw(st.integers(1, 9))]
    return bytes(changed)


@st.composite
def _changed_header(draw: st.DrawFn, data: bytes) -> bytes:
    """A weights file whose header says something else."""
    header, (length,) = _header(data), struct.unpack("<Q", data[:8])
    body = data[8 + length :]
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(header)))
        kind = draw(st.sampled_from(["dtype", "shape", "offsets", "name", "extra", "value"]))
        entry = header[name]
        if kind == "name":
            header[draw(st.sampled_from([*sorted(header), "lm_head.weight", "x"]))] = entry
            if draw(st.booleans()) and len(header) > 1:
                del header[name]
        elif kind == "value" or not isinstance(entry, dict) or "shape" not in entry:
            header[name] = draw(VALUES)
        elif kind == "dtype":
            header[name] = entry | {"dtype": draw(DTYPES)}
        elif kind == "shape":
            header[name] = entry | {"shape": draw(st.lists(NUMBERS, max_size=3))}
        elif kind == "offsets":
            offsets = st.lists(NUMBERS, min_size=2, max_size=2)
            header[name] = entry | {"data_offsets": draw(offsets)}
        else:
            header[draw(st.text(max_size=3))] = entry
    text = json.dumps(header).encode()
    said = draw(st.one_of(st.just(len(text)), st.integers(0, 2**64 - 1), st.integers(0, 999)))
    return struct.pack("<Q", said) + text + draw(st.sampled_from([body, body[:-4], body * 2]))


@st.composite
def _changed_json(draw: st.DrawFn, data: bytes) -> bytes:
    values = json.loads(data)
    for _ in range(draw(st.integers(1, 3))):
        key = draw(st.sampled_from(sorted(values)))
        if isinstance(values[key], dict) and values[key] and draw(st.booleans()):
            inner = draw(st.sampled_from(sorted(values[key])))
            values[key] = values[key] | {inner: draw(VALUES)}
        else:
            values[key] = draw(VALUES)
    return json.dumps(values).encode()


@st.composite
def _hostile(draw: st.DrawFn) -> dict[str, bytes]:
    files = dict(draw(st.sampled_from([FOLDERS[name] for name in sorted(FOLDERS)])))
    often = [name for name in sorted(files) if name.endswith(".safetensors")] * 4
    for name in draw(st.sets(st.sampled_from([*sorted(files), *often]), min_size=1, max_size=2)):
        ways = [_changed_bytes(files[name])]
        if name.endswith(".safetensors"):
            ways += [_changed_header(files[name])] * 2
        else:
            ways += [_changed_json(files[name])] * 2
        files[name] = draw(st.one_of(ways))
    return files


def _check(files: dict[str, bytes]) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        for name, data in files.items():
            (folder / name).write_bytes(data)
        try:
            with checkpoint.opened(folder) as saved:
                shapes = saved.config.weight_shapes()
                weights = {name: np.full(s, np.nan, np.float32) for name, s in shapes.items()}
                saved.copy_to(weights)
        except CheckpointError as error:
            text = str(error)
            assert text.startswith(f"model folder {folder}: ") and "\n" not in text, text
            OUTCOMES[text.removeprefix(f"model folder {folder}: ").partition(":")[0]] += 1
            return
        OUTCOMES["loads"] += 1
        _assert_as_the_package_reads(folder, weights)
    finally:
        shutil.rmtree(folder)


def _assert_as_the_package_reads(folder: Path, weights: gpt.Params) -> None:
    arrays: gpt.Params = {}
    files = sorted(folder.glob("a-*.safetensors")) or [folder / "model.safetensors"]
    for path in files:
        with safe_open(path, framework="numpy") as file:
            if any(file.get_slice(name).get_dtype() == "BF16" for name in file.keys()):
                return  # which the package cannot give as NumPy arrays
            arrays |= {name: file.get_tensor(name) for name in file.keys()}
    kind = json.loads((folder / "config.json").read_bytes())["model_type"]
    expected = {"pygpt": dict, "gpt2": from_gpt2}.get(kind, from_llama)(arrays)
    for name, weight in weights.items():
        np.testing.assert_array_equal(weight, expected[name].astype(np.float32), err_msg=name)


FUZZING = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@FUZZING
@given(_hostile())
def test_any_bytes_load_or_give_one_clear_error(files: dict[str, bytes]) -> None:
    _check(files)


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def main(seconds: float) -> None:
    """Go on for so long; print how the loads ended and what memory they took."""
    try_some = settings(FUZZING, max_examples=2000, database=None)(given(_hostile())(_check))
    end, before = time.monotonic() + seconds, _peak_mb()
    while time.monotonic() < end:
        try_some()
    print(f"{OUTCOMES.total():,} folders; peak memory {before} MB before, {_peak_mb()} MB after")
    for outcome, count in OUTCOMES.most_common():
        print(f"{count:9,}  {outcome}")


if __name__ == "__main__":
    main(float(sys.argv[1]))
