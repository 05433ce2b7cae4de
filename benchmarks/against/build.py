"""Another commit beside this one: its files and its jars, built once, kept below build/against."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.peer import ROOT, WorkerError

CACHE = ROOT / "build" / "against"


@dataclass(frozen=True)
class Tree:
    """Immutable: one of the two that are compared.

    Attributes:
        name: "this" or "other".
        path: has pygpt and jbridge.
        commit: its hash, with "+" if files were changed since.
        jars: the folder that the processes load.
    """

    name: str
    path: Path
    commit: str
    jars: Path


def build_jars(tree: Path) -> None:
    """Build a tree's engine as its Makefile does, with the archive of classes for a faster start.

    Raises:
        WorkerError: no JDK was found, or the build failed.
    """
    gradle = os.environ.get("GRADLE", "gradle")
    make = ["make", "--silent", "jbridge/jars/.stamp"]
    _output([*make, f"PYTHON={sys.executable}", f"GRADLE={gradle}"], tree)


def checkout(
    commit: str,
    make_jars: Callable[[Path], None] = build_jars,
    *,
    root: Path = ROOT,
    cache: Path = CACHE,
) -> Path:
    """Return the folder of a commit and its jars; build it if that was not done before.

    The files come from `git archive`, so that git has no worktree to know of, and the folder
    appears whole or not at all.

    Raises:
        WorkerError: it failed.
    """
    folder = cache / commit
    if folder.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=cache) as new:
        packed, tree = Path(new, "files.tar"), Path(new, "tree")
        tree.mkdir()
        _output(["git", "archive", "--output", str(packed), commit], root)
        _output(["tar", "-xf", str(packed)], tree)
        make_jars(tree)
        if not folder.exists():  # another run may have been faster
            tree.rename(folder)
    return folder


def commit_of(revision: str, root: Path = ROOT) -> str:
    """Return the hash of a revision.

    Raises:
        WorkerError: there is no such commit.
    """
    try:
        return _output(["git", "rev-parse", "--verify", f"{revision}^{{commit}}"], root)
    except WorkerError as error:
        raise WorkerError(f"expected a commit, git does not know {revision}: {error}") from error


@contextmanager
def both(other: str, path: Path) -> Iterator[tuple[Tree, Tree]]:
    """This tree as it is, and that of another commit, which lies in `path`.

    Each gets a folder of links to its jars, without an archive of loaded classes: whether there is
    one, and whether it fits the jars, depends on how a tree was built.
    """
    changed = _output(["git", "status", "--porcelain"], ROOT)
    commit = commit_of("HEAD") + ("+" if changed else "")
    with tempfile.TemporaryDirectory(prefix="bench-against-") as scratch:
        yield (
            Tree("this", ROOT, commit, _link_jars(ROOT, Path(scratch, "this"))),
            Tree("other", path, other, _link_jars(path, Path(scratch, "other"))),
        )


def _link_jars(tree: Path, folder: Path) -> Path:
    folder.mkdir()
    jars = sorted((tree / "jbridge" / "jars").glob("*.jar"))
    if not jars:
        raise WorkerError(f"{tree} has no jars: build them first (make names)")
    for jar in jars:
        (folder / jar.name).symlink_to(jar.resolve())
    return folder


def _output(command: list[str], folder: Path) -> str:
    """Run a command in a folder; return what it printed.

    Raises:
        WorkerError: it failed, or is not there.
    """
    if shutil.which(command[0]) is None:
        raise WorkerError(f"{command[0]} is not on PATH")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        last = (done.stderr + done.stdout).strip() or "it printed no error"
        raise WorkerError(f"{' '.join(command)} failed: {last[-2000:]}")
    return done.stdout.strip()
