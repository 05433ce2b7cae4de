"""Runs that an older pygpt began, commit 0da3a66, end with the bits that it would have given."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from pygpt.cli.main import run as run_command

# Two runs of 3 steps on backend plain, of a model of 2 layers with dropout and accumulation.
BEGUN = Path(__file__).with_name("begun_at_0da3a66.tar.xz")


def digest(checkpoint: Path) -> str:
    """Return the SHA-256 of all weights and moments, by name."""
    found = hashlib.sha256()
    for file in ("model", "training"):
        for name, array in sorted(load_file(checkpoint / f"{file}.safetensors").items()):
            found.update(name.encode())
            found.update(array.tobytes())
    return found.hexdigest()


@pytest.mark.parametrize(
    ("run", "frozen", "expected"),
    [
        ("run", "", "828a272506eb82b98b20cce4e199768301a6a580dab93ab6ec99250cb4fbcc00"),
        (
            "run_frozen",
            "wte.weight,ln_f",
            "79857c177d2d4c5933364e691bbdf80442f9787980e69ebd5c1a44fc5e5a61c5",
        ),
    ],
)
def test_it_ends_with_the_same_bits(
    run: str, frozen: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(BEGUN) as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.chdir(tmp_path)
    options = ["--backend", "plain", "--max-iters", "6", "--quiet"]
    if frozen:
        options += ["--frozen", frozen]
    assert run_command(["train", "m.toml", "--out", run, "--resume", *options]) == 0
    assert digest(tmp_path / run / "step-00000006") == expected
