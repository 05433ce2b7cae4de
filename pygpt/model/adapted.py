"""A model with an adapter: LoRA, by the names of PEFT and transformers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from pygpt.engine.model import Model
from pygpt.errors import CheckpointError, ConfigError
from pygpt.model.lora import LoraConfig

if TYPE_CHECKING:
    from pygpt.checkpoints.adapters import Part


class Adapted(Model):
    """Mutable: a model that may have an adapter beside its weights.

    While it has one, all that it computes is computed with it, a training moves it alone, and the
    weights stay as they are, bit for bit.

    Attributes:
        name_or_path: where the weights came from, by which an adapter's files name their base; None
            for a model that was made here.
    """

    name_or_path: str | None = None
    _parts_of_adapter: Sequence[Part] = ()

    def add_adapter(self, config: LoraConfig | None = None, *, seed: int = 0) -> None:
        """Lay a new adapter beside the weights, which changes nothing yet.

        Args:
            config: its rank, scale and layers; by default rank 8 of queries and values.
            seed: of A: uniform within 1 / sqrt(in), as PEFT draws it; B is zero.
        Raises:
            ConfigError: there is an adapter, or no such layer.
            TooLargeError: it does not fit into memory.
        """
        from pygpt.checkpoints import adapters

        config = LoraConfig() if config is None else config
        self._adapt(config, adapters.chosen_parts(self.config, config.target_modules))
        random = np.random.default_rng(seed % 2**64)
        arrays = self.adapter_parameters()
        for part in self._parts_of_adapter:
            a = arrays[f"{part.name}.lora_A.weight"]
            a[:] = random.uniform(-1, 1, a.shape) / np.sqrt(a.shape[1])
        self.weights_changed()

    def load_adapter(self, folder: str | os.PathLike[str]) -> None:
        """Lay a saved adapter beside the weights: a folder that `save_adapter` or PEFT wrote.

        Raises:
            CheckpointError: it is missing, damaged, of another model, or has what the engine lacks.
            ConfigError: there is an adapter.
            TooLargeError: it does not fit into memory.
        """
        from pygpt.checkpoints import adapters

        with adapters.opened(Path(folder), self.config) as reading:
            self._adapt(reading.config, reading.parts)
            reading.copy_to(self.adapter_parameters())
        self.weights_changed()

    def _adapt(self, config: LoraConfig, parts: Sequence[Part]) -> None:
        if self.adapter is not None:
            raise ConfigError("adapter", "expected a model without one; merge or unload it first")
        values = {
            "rank": config.r,
            "scale": config.scale,
            "dropout": config.lora_dropout,
            "names": [part.name for part in parts],
            "weights": [part.weight for part in parts],
            "first": [part.first for part in parts],
            "columns": [part.columns for part in parts],
        }
        self.put_adapter(config, json.dumps(values))
        self._parts_of_adapter = parts

    def save_adapter(self, folder: str | os.PathLike[str]) -> None:
        """Write the adapter's two files, which PEFT reads too, as float32; not the model.

        A folder of an adapter that pygpt wrote is replaced, in one step; anything else is refused.

        Raises:
            ConfigError: there is no adapter.
            OutputError: the folder is not pygpt's, or cannot be written.
        """
        from pygpt.checkpoints import adapters

        adapters.save(Path(folder), self.adapter_files())

    def adapter_files(self) -> dict[str, Any]:
        """Return name -> bytes, in pieces, of what `save_adapter` writes."""
        from pygpt.checkpoints import adapters

        return dict(
            adapters.files_of(
                self._needed_adapter(),
                self._parts_of_adapter,
                self.adapter_parameters(),
                self.name_or_path,
                adapters.is_conv(self.config),
            )
        )

    def restore_adapter(self, folder: Path) -> None:
        """Set the adapter's numbers to those of a folder, whose adapter is one like it.

        Raises:
            CheckpointError: it is missing, damaged, or another one.
        """
        from pygpt.checkpoints import adapters

        config = self._needed_adapter()
        with adapters.opened(folder, self.config) as reading:
            same = [part.name for part in reading.parts] == [p.name for p in self._parts_of_adapter]
            if reading.config.scale != config.scale or reading.config.r != config.r or not same:
                raise CheckpointError(f"adapter {folder}: is not like the one that is trained")
            reading.copy_to(self.adapter_parameters())
        self.weights_changed()

    def merge_and_unload(self) -> Self:
        """Add the adapter to the weights and take it away; return the model.

        What it computes stays the same but for rounding; the weights are changed for good.

        Raises:
            ConfigError: there is no adapter, or the weights are rounded.
        """
        config = self._needed_adapter()
        self._require_unquantized("merge the adapter before they are rounded")
        weights, arrays = self.parameters(), self.adapter_parameters()
        for part in self._parts_of_adapter:
            a, b = (arrays[f"{part.name}.lora_{matrix}.weight"] for matrix in "AB")
            columns = slice(part.first, part.first + part.columns)
            weights[part.weight][:, columns] += (config.scale * (b @ a)).T.astype(self.dtype)
        self.weights_changed()
        del weights, arrays
        return self.unload()

    def unload(self) -> Self:
        """Take the adapter away; return the model, which is what it was without it.

        Raises:
            ConfigError: there is no adapter.
        """
        self._needed_adapter()
        self.drop_adapter()
        self._parts_of_adapter = ()
        return self

    @contextmanager
    def disable_adapter(self) -> Iterator[None]:
        """Within the block the model computes as if it had no adapter.

        Raises:
            ConfigError: there is no adapter.
        """
        self._needed_adapter()
        self.enable_adapter(False)
        try:
            yield
        finally:
            self.enable_adapter(True)

    def adapter_parameters(self) -> dict[str, NDArray[Any]]:
        """Return name -> array of the adapter's matrices, shared as those of `parameters` are.

        Names are those of the weights, with `.lora_A.weight`, (r, in), or `.lora_B.weight`,
        (out, r), at the end; where an adapter lies beside a part of a weight, its name is there.
        """
        self._needed_adapter()
        return self._adapter_arrays().named()

    def _needed_adapter(self) -> LoraConfig:
        if self.adapter is None:
            raise ConfigError("adapter", "expected a model with one, got none; add or load one")
        return self.adapter
