"""Files in an encoding that is named, for every command that reads; markers that are plain text."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path

import pytest

from pygpt import GPT, CharTokenizer, DataError, GPTConfig, Pairs, read_documents, read_text
from pygpt.cli import main as cli
from pygpt.datasets.sources import find_source
from pygpt.errors import ConfigError
from tests.tokenizers.families import OWN

TEXTS = {
    "latin-1": "Müßiggang naïf\nzwei\n",
    "cp1252": "“smart” – quotes…\nzwei\n",
    "koi8-r": "слово за слово\nдва\n",
    "shift_jis": "これは本です\n二行目\n",
    "gb18030": "第一章\n红楼梦\n",
    "utf-16-le": "Grüße\nzwei\n",
    "utf-16-be": "\U0001f404 moo\nzwei\n",
    "cp500": "no ASCII at all\nzwei\n",
}
Capture = pytest.CaptureFixture[str]
SIZES = ["--block-size", "6", "--n-layer", "1", "--n-head", "1", "--n-embd", "4"]
TRAIN = [*SIZES, "--batch-size", "2", "--max-iters", "2", "--eval-iters", "1", "--quiet"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("encoding", TEXTS)
def test_every_reader(encoding: str) -> None:
    text = TEXTS[encoding]
    lines = text.splitlines()
    rows = [json.dumps({"text": line}, ensure_ascii=False) for line in lines]
    files = {
        "a.txt": text, "a.jsonl": "\n".join(rows), "a.json": f"[{','.join(rows)}]",
        "a.tsv": "id\ttext\n" + "".join(f"1\t{line}\n" for line in lines),
    }  # fmt: skip
    for name, content in files.items():
        Path(name).write_bytes(content.replace("\n", "\r\n").encode(encoding))
        Path(f"{name}.gz").write_bytes(gzip.compress(content.encode(encoding)))
        for path in (name, f"{name}.gz"):
            source = find_source(path, lines=None, encoding=encoding)
            assert list(source.documents()) == read_documents(path, encoding=encoding) == lines
    assert read_text("a.txt", encoding) == text


def test_a_mark_says_more_than_a_name() -> None:
    Path("a.txt").write_bytes("Grüße".encode("utf-8-sig"))
    Path("b.txt").write_bytes("Grüße".encode("utf-16"))
    for name in ("a.txt", "b.txt"):
        assert read_text(name, "latin-1") == "Grüße"


def test_what_cannot_be(capsys: Capture) -> None:
    Path("a.txt").write_bytes(b"\x81\xff ab")
    for name in ("no-such", "hex", "utf-8\0"):
        with pytest.raises(ConfigError, match="encoding: expected one such as utf-16, latin-1"):
            read_text("a.txt", name)
    with pytest.raises(DataError, match="a.txt: expected SHIFT_JIS, as --encoding says, got som"):
        read_text("a.txt", "shift_jis")
    Path("a.parquet").write_bytes(b"PAR1")
    with pytest.raises(ConfigError, match="encoding: expected files of text, got Parquet: a.parq"):
        find_source("a.parquet", encoding="latin-1")
    assert cli.run(["prepare", "a.txt", "--tokenizer", "char", "--out", "a"]) == 1
    advice = "; convert the file to UTF-8, or name its encoding, such as --encoding cp1252\n"
    assert capsys.readouterr().err.endswith(advice)
    assert cli.run(["generate", "m", "--prompt", "a", "--encoding", "utf-99"]) == 2
    assert capsys.readouterr().err.startswith("pygpt: error: --encoding: expected one such as")


def test_every_command(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Each reads Latin-1 by a flag, train by its file, too; none of it is UTF-8."""
    text = "\xe4\xf6\xfc \xdf\n" * 12
    Path("a.txt").write_bytes(text.encode("latin-1"))
    named = ["--encoding", "latin-1"]
    assert cli.run(["prepare", "a.txt", "--tokenizer", "char", *named, "--out", "data"]) == 0
    assert read_text("a.txt", "latin-1").startswith("äöü ß")
    run = ["train", "shakespeare-char", "--data", "a.txt", *TRAIN]
    assert cli.run([*run, *named, "--out", "run"]) == 0
    toml = '[data]\nsource = "a.txt"\ntokenizer = "char"\nencoding = "latin-1"\n'
    Path("mine.toml").write_text(toml)
    assert cli.run(["train", "mine.toml", *TRAIN, "--out", "toml"]) == 0
    parts = [Path(run, "train.bin").read_bytes() for run in ("data", "run/data", "toml/data")]
    assert parts[0] == parts[1] == parts[2]
    assert cli.run(["names", "--data", "a.txt", *named, "--steps", "1", "--samples", "0"]) == 0
    train = ["tokenizer", "train", "a.txt", "--vocab-size", "258", *named, "--out", "t.json"]
    assert cli.run(train) == 0
    assert "next: python -m pygpt prepare a.txt --encoding latin-1" in capsys.readouterr().err
    row = json.dumps({"prompt": "äö", "answer": "ü"}, ensure_ascii=False)
    Path("pairs.jsonl").write_bytes(f"{row}\n".encode("latin-1") * 12)
    tune = ["finetune", "run", "pairs.jsonl", "--max-iters", "2", "--eval-interval", "2"]
    assert cli.run([*tune, *named, "--out", "tuned", "--quiet"]) == 0
    assert cli.run(["eval", "tuned"]) == 0  # the run knows how its pairs were read
    assert cli.run(["eval", "run", "pairs.jsonl", *named]) == 0
    assert cli.run([*tune[:2], "data", *named, "--out", "x"]) == 2
    assert "--encoding does not go with data, which is prepared" in capsys.readouterr().err
    flags = ["--max-new-tokens", "1", "--temperature", "0"]
    Path("prompt").write_bytes("ß".encode("latin-1"))
    for source in (["--file", "prompt"], ["-"]):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xdf\n")))
        assert cli.run(["generate", "run", *source, *flags, *named]) == 0
        assert capsys.readouterr().out.startswith("ß")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xe4\n\xf6\n")))
    assert cli.run(["chat", "tuned", *flags, *named]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


# ---- markers ---------------------------------------------------------------------------------


def test_train_divides_texts(capsys: Capture) -> None:
    """A marker ends documents by a flag or a file; without, a line says that it does not."""
    Path("a.txt").write_text("<|endoftext|>\n".join(f"ab{'c' * i}\nd\n" for i in range(20)))
    run = ["train", "makemore", "--data", "a.txt", *TRAIN]
    assert cli.run([*run, "--separator", "<|endoftext|>", "--out", "flag"]) == 0
    toml = 'preset = "makemore"\n[data]\nsource = "a.txt"\nseparator = "<|endoftext|>"\n'
    Path("mine.toml").write_text(toml)
    assert cli.run(["train", "mine.toml", *TRAIN, "--out", "toml"]) == 0
    prepare = ["prepare", "a.txt", "--tokenizer", "char", "--separator", "<|endoftext|>"]
    assert cli.run([*prepare, "--out", "data"]) == 0
    assert "has <|endoftext|>" not in capsys.readouterr().err
    parts = [Path(run, "train.bin").read_bytes() for run in ("data", "flag/data", "toml/data")]
    assert parts[0] == parts[1] == parts[2]
    assert cli.run([*run[:-1], "--no-lines", "--batches", "windows", "--out", "text"]) == 0
    note = "the text has <|endoftext|> 19 times, read as text like any other; with --separator"
    assert f"\n# {note}" in capsys.readouterr().out
    resumed = [*run, "--resume", "--out", "flag", "--max-iters", "3", "--separator"]
    assert cli.run([*resumed, "<|endoftext|>"]) == 0
    assert cli.run([*resumed, "###"]) == 2
    assert "--separator: expected '<|endoftext|>', as the run began with" in capsys.readouterr().err


def test_markers_that_are_text(tmp_path: Path, capsys: Capture) -> None:
    made = OWN["smollm"]()
    made.save(str(tmp_path / "tokenizer.json"))
    ends = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(ends))
    Path("a.jsonl").write_text('{"text": "one <|im_end|>"}\n{"text": "two"}\n')
    prepare = ["prepare", "a.jsonl", "--tokenizer", ".", "--out", "data", "--validation", "0.5"]
    assert cli.run(prepare) == 0
    note = "the text has <|im_end|> once, read as text like any other; with --separator '<|im_"
    assert note in capsys.readouterr().err
    tokenizer = CharTokenizer("".join(sorted(set("<|bos|> answer"))))
    Path("pairs.jsonl").write_text('{"prompt": "an", "answer": "we <|bos|>"}\n' * 3)
    pairs = Pairs.read("pairs.jsonl", tokenizer, 16)
    marked = "3 of 3 pairs have <|bos|> in their text, where it is text like any other, the first: "
    assert pairs.notes == (f"{marked}data file pairs.jsonl: line 1",)
    config = GPTConfig.microgpt(17, tokenizer.vocab_size, 1, 1, 2)
    with GPT(config, tokenizer=tokenizer) as model:
        model.save_pretrained("model")
    generate = ["generate", "model", "--prompt", "an<|bos|>", "--max-new-tokens", "1"]
    for flags, count in ([], 1), (["--specials"], 0):
        capsys.readouterr()
        assert cli.run([*generate, *flags, "--seed", "1"]) == 0
        said = "(<|bos|> in the prompt is text like any other; with --specials it counts)"
        assert capsys.readouterr().err.count(said) == count
