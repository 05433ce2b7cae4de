"""`python -m pygpt`, and the console script `pygpt`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and end the process with its status."""
    try:
        from pygpt.cli.main import run

        status = run()
    except KeyboardInterrupt:  # while it is imported, which takes a while on a busy machine
        print("pygpt: interrupted", file=sys.stderr, flush=True)
        status = 130
    sys.exit(status)


if __name__ == "__main__":
    main()
