"""OpenAI's client for JavaScript, from npm."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np

from pygpt import GPT
from pygpt.serve.server import Server
from tests.serve.conftest import NAME

SCRIPT = Path(__file__).parents[1] / "page" / "openai_client.mjs"


def test_openai_for_javascript(server: Server, model: GPT) -> None:
    command = ["node", str(SCRIPT), server.address, NAME]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    text = model.generate("hello", 12, temperature=0).removeprefix("hello")
    assert got["text"] == got["streamed"] == text
    assert got["logprobs"] >= len(text)
    assert got["chat"] == got["chatted"]
    assert got["models"] == [NAME]
    assert got["refused"] == "context_length_exceeded"
    for word, vector in zip(("hello", "you"), got["embeddings"], strict=True):
        states = model.hidden_states(model.tokenizer.encode(word))[0].astype(np.float64)
        mean = states.mean(axis=0)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), rtol=1e-5, atol=1e-6)
