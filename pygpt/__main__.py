"""`python -m pygpt`, and the console script `pygpt`."""

from __future__ import annotations

import sys

from pygpt.cli.main import run


def main() -> None:
    """Run the command line and end the process with its status."""
    sys.exit(run())


if __name__ == "__main__":
    main()
