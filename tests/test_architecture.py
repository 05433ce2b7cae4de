"""Imports point down only, importing starts nothing, and one module reads the environment."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "pygpt").rglob("*.py")) + sorted((ROOT / "jbridge").rglob("*.py"))
# A module of pygpt may import those before it; `pygpt` itself (lazy) stands for all of them.
ORDER = (
    "errors", "application",
    "fields", "model.layout", "model.presets", "model.config", "model.lora", "training.config",
    "generate.config", "names.config", "files.streams", "files.text", "files.lock", "files.atomic",
    "files.checksums",
    "model.batch", "model.network_config", "model.encoder_decoder_config", "model.pair_batch",
    "generate.translate_config",
    "engine.turns", "engine.java", "engine.java_network", "engine.java_vectors",
    "engine.java_gradients", "engine.door",
    "engine.arrays", "engine.auto", "engine.freeing",
    "engine.handle", "engine.training", "engine.probe",
    "engine.model", "engine.encoder_decoder", "engine.generation", "engine.network",
    "engine.word_vectors", "engine",
    "tokenizers.protocol", "tokenizers.alphabet", "tokenizers.pretokenize", "tokenizers.merging",
    "tokenizers.template", "tokenizers.tokenizer_json", "tokenizers.char", "tokenizers.words",
    "tokenizers.bpe",
    "tokenizers.published", "tokenizers.added", "tokenizers.pieces", "tokenizers.steps",
    "tokenizers.file_tokenizer", "tokenizers.beside", "tokenizers.load", "tokenizers.gguf",
    "tokenizers.explain", "tokenizers.chat_template", "datasets.cut", "datasets.separate",
    "datasets.json_text", "datasets.readers", "datasets.sources", "datasets.validation",
    "datasets.token_file",
    "datasets.sampler", "datasets.rows", "datasets.dataset", "datasets.prepare",
    "datasets.conversations", "datasets.pairs", "checkpoints.safetensors",
    "checkpoints.torch_files", "checkpoints.nanogpt",
    "checkpoints.table", "checkpoints.translate", "checkpoints.families.family",
    "checkpoints.families.read", "checkpoints.families.gpt2", "checkpoints.families.llama",
    "checkpoints.families.qwen", "checkpoints.families.olmo", "checkpoints.families.gemma",
    "checkpoints.families.neo", "checkpoints.families.phi", "checkpoints.families.bloom",
    "checkpoints.families",
    "checkpoints.layouts", "checkpoints.huggingface", "checkpoints.ggml", "checkpoints.gguf",
    "checkpoints.gguf_models", "checkpoints.hub", "checkpoints.foreign",
    "checkpoints.beside", "checkpoints.weights", "checkpoints.written",
    "checkpoints.adapters", "checkpoints.pair_folder", "checkpoints.folder",
    "generate.text_stream", "model.encoder_decoder", "model.embeddings", "model.documents",
    "generate.prompts",
    "generate.generator", "generate.generation", "model.adapted", "model.gpt", "generate.chat",
    "names.protocol",
    "vectors.config", "vectors.words", "vectors.statistics", "vectors.evaluate",
    "vectors.planted", "vectors.formats", "vectors.keyed", "vectors.word2vec", "vectors.chunks",
    "vectors.search", "vectors",
    "cli.progress",
    "distributed.group", "distributed.cost", "distributed.exchange", "distributed.step",
    "distributed.state", "distributed.same", "distributed.beats", "distributed.mpi",
    "distributed.gloo", "distributed.processes", "distributed.launch", "distributed",
    "training.schedule", "training.evaluation", "training.metrics", "training.state",
    "training.run_folder", "training.saved", "training.trainer", "training.finetune",
    "training.recipes", "training.run",
    "preferences.config", "preferences.losses", "preferences.pairs", "preferences.rewards",
    "preferences.tuning", "preferences.dpo", "preferences.grpo", "preferences.reward_model",
    "preferences.prefer", "preferences",
    "translation.names", "translation.numbers", "translation.dates", "translation.tasks",
    "translation.train", "translation",
    "learn.lesson", "learn.play", "learn.notebook", "learn",
    "serve.config", "serve.errors", "serve.schema", "serve.metrics", "serve.engine",
    "serve.spelling", "serve.prompts", "serve.scores", "serve.answers", "serve.service",
    "serve.looks", "serve.gradients", "serve.probes", "serve.live", "serve.packed",
    "serve.show_schema", "serve.others",
    "serve.events", "serve.show_training", "serve.show", "serve.completions", "serve.chat",
    "serve.embeddings", "serve.guard",
    "serve.openapi", "serve.app", "serve.server",
    "cli.display", "cli.signals", "plot", "cli.checkpoint", "cli.flags", "cli.workers", "cli.names",
    "cli.prepare", "cli.tokenizer", "cli.stopping", "cli.training", "cli.live",
    "cli.vectors", "cli.search",
    "cli.translation", "cli.generate", "cli.serve", "cli.train", "cli.finetune", "cli.prefer",
    "cli.launch",
    "cli.evaluate", "cli.info", "cli.plot", "cli.chat", "cli.show", "cli.export", "cli.learn",
    "cli.completion",
    "cli.main",
    "__main__",
)  # fmt: skip

JAVA = ROOT / "java" / "src" / "main" / "java" / "org" / "pygpt"
# A package of Java may import those before it; "" is `org.pygpt` itself.
JAVA_ORDER = (
    "python", "text", "chat", "tensor", "kernels", "kernels.reference", "kernels.nd4j",
    "kernels.cpu", "kernels.cuda", "backends", "vectors", "graph", "ops", "model", "train",
    "generate", "network", "jobs", "files", "datasets", "runs", "names", "bench",
    "", "cli",
)  # fmt: skip
JAVA_FILES = sorted(JAVA.rglob("*.java"))


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imports(path: Path) -> Iterator[str]:
    """The full names of what a module imports, wherever in it, also for types alone."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _id(path: Path) -> str:
    """The full name of a module, such as `pygpt.tokenizers.char`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", MODULES, ids=_id)
def test_imports_point_down(path: Path) -> None:
    package, _, module = _id(path).partition(".")
    tops = {name.partition(".")[0] for name in _imports(path)}
    if package == "jbridge":
        assert "pygpt" not in tops
        return
    assert "jpype" not in tops
    assert "jbridge" not in tops or module == "application" or module.startswith("engine.")
    if path.stem != "__init__":
        below = ORDER[: ORDER.index(module)]
        for name in _imports(path):
            top, _, rest = name.partition(".")
            if top == "pygpt" and rest:
                used = [other for other in ORDER if f"{rest}.".startswith(f"{other}.")]
                assert used and used[0] in below, f"{module} imports {name}"


@pytest.mark.parametrize("path", JAVA_FILES, ids=lambda path: str(path.relative_to(JAVA)))
def test_java_packages_import_one_way(path: Path) -> None:
    package = ".".join(path.parent.relative_to(JAVA).parts)
    text = path.read_text(encoding="utf-8")
    assert re.search(r"^package org\.pygpt\.?([\w.]*);", text, re.MULTILINE)[1] == package  # type: ignore[index]
    below = {*JAVA_ORDER[: JAVA_ORDER.index(package)], package}
    names = re.findall(r"\borg\.pygpt((?:\.[a-z][a-z0-9]*)*)\.[A-Z]", _java_code(text))
    assert {name.lstrip(".") for name in names} <= below


def _java_code(text: str) -> str:
    """Java's text without comments and strings, which may name what it serves."""
    return re.sub(r'/\*.*?\*/|//[^\n]*|"[^"\n]*"', "", text, flags=re.DOTALL)


@pytest.mark.parametrize("path", MODULES, ids=_id)
def test_environment_is_read_in_one_module(path: Path) -> None:
    if _id(path) == "jbridge.jvm":
        return
    names = {node.attr for node in ast.walk(_tree(path)) if isinstance(node, ast.Attribute)}
    assert not names & {"environ", "environb", "getenv"}


@pytest.mark.parametrize("path", MODULES, ids=_id)
def test_sizes(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 600
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, f"{path}: {node.name} is long"


@pytest.mark.parametrize("package", ["pygpt", "jbridge", "pygpt.cli.main", "pygpt.names.config"])
def test_importing_loads_nothing_heavy(python: Callable[..., Any], package: str) -> None:
    heavy = (
        "{'jpype', 'matplotlib', 'msgspec', 'numpy', 'prompt_toolkit', 'pyarrow', 'regex', 'rich', "
        "'safetensors', 'starlette', 'tiktoken', 'uvicorn'}"
    )
    result = python("-c", f"import sys, {package}; print(*sorted({heavy} & set(sys.modules)))")
    assert (result.stdout.strip(), result.stderr) == ("", "")
