"""Spring AI, in a JVM of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import openai

import jbridge
from pygpt.serve.server import Server
from tests.serve.conftest import NAME

SOURCE = Path(__file__).parent / "SpringClient.java"
JARS = Path(__file__).parents[2] / "build" / "clients" / "spring"


def test_spring_ai(server: Server, client: openai.OpenAI) -> None:
    assert list(JARS.glob("spring-ai-openai-*.jar")), "make test gets them: gradle clientJars"
    home = jbridge.java_class("java.lang.System").getProperty("java.home")
    program = [f"{home}/bin/java", "-XX:TieredStopAtLevel=1", "-cp", f"{JARS}/*", str(SOURCE)]
    command = [*program, server.address, NAME]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = (line.partition(" ") for line in done.stdout.splitlines())
    got = {name: rest for name, _, rest in lines}
    asked = [{"role": "user", "content": "hello"}]
    answer = client.chat.completions.create(
        model=NAME, messages=asked, temperature=0, max_tokens=12
    )  # type: ignore[call-overload]
    assert got["chat"] == got["streamed"] == answer.choices[0].message.content
    vector = client.embeddings.create(model=NAME, input="hello").data[0].embedding
    np.testing.assert_allclose(json.loads(got["vector"]), vector, rtol=1e-6, atol=1e-7)
