"""New files: whole or not at all, never over another, nothing left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pygpt.errors import OutputError
from pygpt.files.atomic import check_new, write_new


def test_a_new_file(tmp_path: Path) -> None:
    check_new(tmp_path / "new")
    assert os.listdir(tmp_path) == []
    mask = os.umask(0o027)
    try:
        write_new(tmp_path / "new", b"abc")
    finally:
        os.umask(mask)
    assert (tmp_path / "new").read_bytes() == b"abc"
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["new"]


@pytest.mark.parametrize("name", ["file", "folder", "link"])
def test_what_is_there_is_kept(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"keep me")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for refuse in (check_new, lambda path: write_new(path, b"abc")):
        with pytest.raises(OutputError, match=f"^output file .*{name}: exists; choose another"):
            refuse(tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder", "link"]
    assert (tmp_path / "file").read_bytes() == b"keep me"


@pytest.mark.parametrize("name", ["file/new", "x" * 300, "a\0b"])
def test_not_writable(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for refuse in (check_new, lambda path: write_new(path, b"abc")):
        with pytest.raises(OutputError, match="^output file .*: cannot be written: "):
            refuse(tmp_path / name)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("fails", ["fsync", "rename"])
def test_a_full_disk_leaves_nothing(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, fails, full)
    with pytest.raises(OutputError, match="cannot be written: No space left on device$"):
        write_new(tmp_path / "new", b"abc")
    assert os.listdir(tmp_path) == []
