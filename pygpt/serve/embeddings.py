"""`/v1/embeddings`: a text as a vector, the mean of what the model makes of its tokens."""

from __future__ import annotations

import base64
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pygpt.errors import PygptError
from pygpt.serve.engine import Work
from pygpt.serve.errors import api_error, bad
from pygpt.serve.prompts import check_length, check_model, prompt_ids
from pygpt.serve.schema import Embedding, EmbeddingList, EmbeddingRequest, EmbeddingUsage
from pygpt.serve.service import Service


class Embeddings:
    """Immutable: reads requests, and writes answers."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def rows(self, body: EmbeddingRequest) -> list[NDArray[np.int32]]:
        """Return the ids of each text of a request.

        Raises:
            ApiError: something that cannot be.
        """
        model = self._service.model
        check_model(body.model, self._service.name)
        if body.dimensions is not None and body.dimensions > model.config.n_embd:
            most = model.config.n_embd
            raise bad("dimensions", f"expected at most {most}, got {body.dimensions}")
        rows = await prompt_ids(model, body.input, "input")
        for row in rows:
            check_length(row, 0, model.config.block_size, "input")
        return rows

    async def answer(
        self, work: Work, body: EmbeddingRequest, rows: list[NDArray[np.int32]]
    ) -> EmbeddingList:
        """Return the vectors."""
        data = []
        for i, row in enumerate(rows):
            try:
                vector = await work.compute(partial(self._vector, row, body.dimensions))
            except PygptError as error:
                raise api_error(error, "input") from None
            values = vector.tolist()
            if body.encoding_format == "base64":
                values = base64.b64encode(vector.astype("<f4").tobytes()).decode()
            data.append(Embedding(index=i, embedding=values))
        count = sum(map(len, rows))
        self._service.metrics.prompt_tokens += count
        usage = EmbeddingUsage(prompt_tokens=count, total_tokens=count)
        return EmbeddingList(model=self._service.name, data=data, usage=usage)

    def _vector(self, row: NDArray[np.int32], dimensions: int | None) -> NDArray[np.float32]:
        """Return the mean of the last hidden states, of length 1, or its first numbers."""
        states = self._service.model.hidden_states(row)[0].astype(np.float64)
        vector: NDArray[np.float64] = states.mean(axis=0)[:dimensions]
        length = np.linalg.norm(vector)
        return (vector / length if length > 0 else vector).astype(np.float32)
