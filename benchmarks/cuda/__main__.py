"""Backend cuda on a card, checked and then measured: `python -m benchmarks.cuda`.

Correctness comes first, some three minutes: operations, gradients of a model and the same bits
twice, against the reference on the host. Then speed: streaming kernels as a share of what a large
copy reaches, products, attention, training of GPT-2 124M at T = 1,024 and one-token generation, in
float32 and bfloat16; and PyTorch compiled on the same card where it is installed. Each result is a
line of JSON that is printed and appended to a file as it comes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from pygpt.application import APPLICATION
from pygpt.engine.door import jars

TORCH_SIDE = Path(__file__).with_name("torch_side.py")


def java_command(arguments: list[str]) -> list[str]:
    """Return the command that runs the engine's own part."""
    ask = [sys.executable, "-m", "jbridge", "--application", "pygpt.application", "jdk-home"]
    home = subprocess.run(ask, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    path = ":".join(str(jar) for jar in jars(""))
    java = str(Path(home, "bin", "java"))
    return [java, *APPLICATION.options(), "-cp", path, "org.pygpt.bench.CudaBench", *arguments]


def torch_part(out: Path) -> int:
    """Run PyTorch's part where it sees a card; append its lines to the file."""
    check = [sys.executable, str(TORCH_SIDE), "--check"]
    found = subprocess.run(check, capture_output=True, text=True)
    if found.returncode:
        reason = (found.stderr.strip() or "no reason").splitlines()[-1]
        print(f"PyTorch is left out: {reason}", file=sys.stderr)
        return 0
    with out.open("a") as file:
        command = [sys.executable, str(TORCH_SIDE)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            for line in process.stdout:
                print(line, end="", flush=True)
                file.write(line)
                file.flush()
    return process.returncode


def main(arguments: list[str] | None = None) -> int:
    """Run both parts; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cuda", description=__doc__)
    parser.add_argument("--card", type=int, default=0, help="its number, as the driver counts")
    parser.add_argument("--only", choices=["check", "speed"], help="one of the two parts")
    parser.add_argument("--small", action="store_true", help="sizes of a test")
    parser.add_argument("--out", type=Path, default=Path("cuda.jsonl"), help="the file of results")
    given = parser.parse_args(arguments)
    options = ["--card", str(given.card), "--out", str(given.out)]
    options += ["--only", given.only] if given.only else []
    options += ["--small"] if given.small else []
    status = subprocess.run(java_command(options)).returncode
    if given.only != "check" and not given.small:
        status = torch_part(given.out) or status
    return status


if __name__ == "__main__":
    sys.exit(main())
