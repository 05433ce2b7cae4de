"""What is counted, in Prometheus' text form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Histogram:
    """Mutable: how many durations were at most so long, in seconds."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS_S) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        at = next((i for i, most in enumerate(BUCKETS_S) if seconds <= most), len(BUCKETS_S))
        self._counts[at] += 1
        self._sum += seconds

    def lines(self, name: str) -> Iterator[str]:
        """Yield its lines."""
        total = 0
        for most, count in zip((*BUCKETS_S, "+Inf"), self._counts, strict=True):
            total += count
            yield f'{name}_bucket{{le="{most}"}} {total}'
        yield f"{name}_sum {self._sum}"
        yield f"{name}_count {total}"


class Metrics:
    """Mutable: what a server counts; for one thread.

    Attributes:
        requests: (path of a route, status) -> answers; status 499: the client went away first.
        prompt_tokens, completion_tokens: of all requests, read and made.
        first_token_s: from a request to its first token.
        duration_s: from a request to the end of its answer.
    """

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.first_token_s = Histogram()
        self.duration_s = Histogram()

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """Return all of it.

        Args:
            gauges: name -> (what it is, its value now).
        """
        return "".join(f"{line}\n" for line in self._lines(gauges))

    def _lines(self, gauges: Mapping[str, tuple[str, float]]) -> Iterator[str]:
        yield from _head("pygpt_requests_total", "counter", "Answers, by route and status.")
        for (path, status), count in sorted(self.requests.items()):
            yield f'pygpt_requests_total{{path="{path}",status="{status}"}} {count}'
        yield from _head("pygpt_prompt_tokens_total", "counter", "Tokens of prompts.")
        yield f"pygpt_prompt_tokens_total {self.prompt_tokens}"
        yield from _head("pygpt_completion_tokens_total", "counter", "Tokens that were made.")
        yield f"pygpt_completion_tokens_total {self.completion_tokens}"
        for name, (help, value) in gauges.items():
            yield from _head(name, "gauge", help)
            yield f"{name} {value}"
        for name, help, histogram in (
            ("pygpt_first_token_seconds", "From a request to its first token.", self.first_token_s),
            ("pygpt_request_seconds", "From a request to its end.", self.duration_s),
        ):
            yield from _head(name, "histogram", help)
            yield from histogram.lines(name)


def _head(name: str, kind: str, help: str) -> Iterator[str]:
    yield f"# HELP {name} {help}"
    yield f"# TYPE {name} {kind}"
