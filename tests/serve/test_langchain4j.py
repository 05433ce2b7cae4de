"""LangChain4j, in a JVM of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import openai

import jbridge
from pygpt import GPT
from pygpt.serve.server import Server
from tests.serve.conftest import NAME

SOURCE = Path(__file__).parent / "LangChainClient.java"
JARS = Path(__file__).parents[2] / "build" / "clients"


def test_langchain4j(server: Server, model: GPT, client: openai.OpenAI) -> None:
    assert list(JARS.glob("langchain4j-open-ai-*.jar")), "make test gets them: gradle clientJars"
    home = jbridge.java_class("java.lang.System").getProperty("java.home")
    program = [f"{home}/bin/java", "-XX:TieredStopAtLevel=1", "-cp", f"{JARS}/*", str(SOURCE)]
    command = [*program, server.address, NAME]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    got = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert got["text"] == model.generate("hello", 16, temperature=0).removeprefix("hello")
    asked = [{"role": "user", "content": "hello"}]
    answer = client.chat.completions.create(
        model=NAME, messages=asked, temperature=0, max_tokens=12
    )  # type: ignore[call-overload]
    assert got["chat"] == got["streamed"] == answer.choices[0].message.content
    states = model.hidden_states(model.tokenizer.encode("hello"))[0].astype(np.float64)
    mean = states.mean(axis=0)
    vector = json.loads(got["vector"])
    np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), rtol=1e-5, atol=1e-6)
