"""Runs lessons as notebooks in one Jupyter kernel, restarted for each: `FOLDER LESSON…`."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import nbformat
from nbclient import NotebookClient

from pygpt.learn.lesson import find, lessons
from pygpt.learn.notebook import notebook

TIMEOUT_S = 120


async def run(folder: str, names: list[str]) -> None:
    """Run the cells of each lesson; print how many there were."""
    client: Any = None
    for name in names:
        made = nbformat.reads(notebook(find(name, lessons())), as_version=4)
        nbformat.validate(made)
        if client is None:
            options = {"metadata": {"path": folder}}
            client = NotebookClient(made, timeout=TIMEOUT_S, resources=options)
            client.create_kernel_manager()
            await client.async_start_new_kernel(cwd=folder)
            await client.async_start_new_kernel_client()
        else:
            client.nb = made
            await client.km.restart_kernel(now=True)
            await client.kc.wait_for_ready(timeout=TIMEOUT_S)
        cells = [(i, cell) for i, cell in enumerate(made.cells) if cell.cell_type == "code"]
        for index, cell in cells:
            await client.async_execute_cell(cell, index)
        _, check = cells[-1]
        assert check.outputs[0].text.startswith("Not yet")
        print(f"{name}: {len(cells)} cells")
    await client._async_cleanup_kernel()


asyncio.run(run(sys.argv[1], sys.argv[2:]))
