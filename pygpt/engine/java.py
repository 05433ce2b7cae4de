"""Protocols of the Java classes that are called, so that a type checker sees the border.

A class `Thing` describes objects of a Java class, `ThingClass` the class itself: its constructor,
as `__call__`, and static methods. Java takes no argument by name. A string that Java returns is
Java's: `str` makes it Python's. Numbers and truth values are Python's already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NewType, Protocol, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Ints = NDArray[np.int32]  # copied to an int[], as Doubles to a double[]
Doubles = NDArray[np.float64]
NAMES: dict[type, str] = {}  # Protocol -> full name of the Java class

# Objects that are only handed on.
DType = NewType("DType", object)
BigInteger = NewType("BigInteger", object)
GPTConfig = NewType("GPTConfig", object)
AdamW = NewType("AdamW", object)
SamplingOptions = NewType("SamplingOptions", object)
DoubleSupplier = NewType("DoubleSupplier", object)
Shard = NewType("Shard", object)
EncoderDecoderConfig = NewType("EncoderDecoderConfig", object)
TranslateOptions = NewType("TranslateOptions", object)


def describes(name: str) -> Callable[[type[T]], type[T]]:
    """Mark a Protocol as that of the Java class of this full name."""

    def note(protocol: type[T]) -> type[T]:
        NAMES[protocol] = name
        return protocol

    return note


class Closeable(Protocol):
    """Something that has memory of its own."""

    def close(self) -> None: ...


# ---- tensors -------------------------------------------------------------------------------------


@describes("org.pygpt.tensor.DType")
class DTypeClass(Protocol):
    def of(self, name: str, /) -> DType: ...


@describes("java.math.BigInteger")
class BigIntegerClass(Protocol):
    def __call__(self, digits: str, /) -> BigInteger: ...


class ArrayList(Protocol):
    """A list of Java objects."""

    def add(self, element: object, /) -> bool: ...


@describes("java.util.ArrayList")
class ArrayListClass(Protocol):
    def __call__(self) -> ArrayList: ...


@describes("org.pygpt.tensor.HostDevice")
class HostDevice(Protocol):
    """This machine's memory."""

    def require(self, needed_bytes: BigInteger, what: str, /) -> None: ...


@describes("org.pygpt.tensor.HostDevice")
class HostDeviceClass(Protocol):
    def host(self) -> HostDevice: ...


@describes("org.pygpt.tensor.Flat")
class Flat(Protocol):
    """A run of elements in somebody's memory."""

    def length(self) -> int: ...
    def isHost(self) -> bool: ...
    def address(self) -> int: ...
    def part(self, first: int, length: int, /) -> Flat: ...
    def read(self, address: int, /) -> None: ...
    def write(self, address: int, /) -> None: ...


@describes("org.pygpt.model.Layout")
class Layout(Protocol):
    """What the weights of a model are, and which of them are trained."""

    def freeze(self, names: list[str], /) -> Layout: ...


@describes("org.pygpt.tensor.Tensor")
class Tensor(Protocol):
    """A matrix or a vector in somebody's memory."""

    def offset(self) -> int: ...
    def rows(self) -> int: ...
    def columns(self) -> int: ...
    def flat(self, length: int, /) -> Flat: ...


@describes("org.pygpt.model.Parameters")
class Parameters(Protocol):
    """One number for each weight of a model."""

    def layout(self) -> Layout: ...
    def names(self) -> Iterable[object]: ...
    def get(self, name: object, /) -> Tensor: ...
    def isVector(self, name: object, /) -> bool: ...
    def flat(self) -> Flat: ...


# ---- the model -----------------------------------------------------------------------------------


@describes("org.pygpt.model.GPTConfig")
class GPTConfigClass(Protocol):
    def ofJson(self, json: str, /) -> GPTConfig: ...


@describes("org.pygpt.backends.Backend")
class BackendClass(Protocol):
    """The backends by name."""

    def has(self, name: str, /) -> bool: ...


@describes("org.pygpt.kernels.Kernels")
class Kernels(Protocol):
    """What computes."""

    def description(self) -> object: ...
    def requireBfloat16(self) -> None: ...


@describes("org.pygpt.model.ProductWeights")
class ProductWeightsClass(Protocol):
    def byteSize(self, layout: Layout, /) -> int: ...


@describes("org.pygpt.graph.Tape")
class Tape(Protocol):
    """The ops of a session and their memory."""

    def byteSize(self) -> int: ...


@describes("org.pygpt.model.Session")
class Session(Closeable, Protocol):
    """A tape, and what comes out of it."""

    def tape(self) -> Tape: ...
    def hidden(self) -> Tensor: ...
    def logits(self) -> Tensor: ...
    def loss(self) -> float: ...
    def scoreRows(self, by_rows: bool, /) -> None: ...
    def rowLosses(self, rows: int, /) -> Sequence[float]: ...
    def probabilities(self, layer: int, /) -> Tensor: ...


@describes("org.pygpt.model.Probe")
class Probe(Closeable, Protocol):
    """A forward of which everything is kept."""

    def session(self) -> Session: ...
    def setScales(self, scales: Doubles, /) -> None: ...
    def names(self) -> Iterable[object]: ...
    def get(self, name: str, /) -> Tensor: ...
    def lens(self, name: str, first: int, /) -> Tensor: ...
    def byteSize(self) -> int: ...


@describes("org.pygpt.model.Trainable")
class Trainable(Protocol):
    """What a training moves."""

    def weights(self) -> Parameters: ...


@describes("org.pygpt.model.Adapter")
class Adapter(Closeable, Trainable, Protocol):
    """Thin matrices beside a model's weights."""

    def setEnabled(self, enabled: bool, /) -> None: ...


@describes("org.pygpt.model.GPT")
class GPT(Closeable, Protocol):
    """A model's weights, and the sessions that use them."""

    def kernels(self) -> Kernels: ...
    def weights(self) -> Parameters: ...
    def initialize(self, seed: int, /) -> None: ...
    def quantize(self, weights: str, /) -> None: ...
    def keepCachesAs(self, dtype: str, /) -> None: ...
    def setDropout(self, probability: float, /) -> None: ...
    def adapt(self, json: str, /) -> Adapter: ...
    def removeAdapter(self) -> Adapter: ...
    def trained(self) -> Trainable: ...
    def changed(self) -> None: ...
    def activationBytes(self, B: int, T: int, layout: Layout, dtype: DType, /) -> int: ...
    def evaluationBytes(self, B: int, T: int, /) -> int: ...
    def describeOps(self, B: int, T: int, /) -> Iterable[object]: ...
    def evaluation(self, B: int, T: int, /) -> Session: ...
    def attention(self, T: int, /) -> Session: ...
    def hidden(self, B: int, T: int, /) -> Session: ...
    def probe(self, T: int, first: int, end: int, /) -> Probe: ...


@describes("org.pygpt.model.GPT")
class GPTClass(Protocol):
    def create(self, config: GPTConfig, backend: str, dtype: DType, threads: int, /) -> GPT: ...


# ---- training ------------------------------------------------------------------------------------


@describes("org.pygpt.train.AdamW")
class AdamWClass(Protocol):
    def __call__(
        self,
        beta1: float,
        beta2: float,
        epsilon: float,
        weight_decay: float,
        grad_clip: float,
        muon: bool,
        moments: DType,
        /,
    ) -> AdamW: ...


@describes("org.pygpt.train.Shard")
class ShardClass(Protocol):
    def __call__(self, rank: int, size: int, /) -> Shard: ...
    def block(self, length: int, /) -> int: ...


@describes("org.pygpt.train.Training")
class Training(Closeable, Protocol):
    """Gradients, AdamW's moments and activations of training one model."""

    def update(self, learning_rate: float, /) -> None: ...
    def gradients(self) -> Parameters: ...
    def firstMoments(self) -> Parameters: ...
    def secondMoments(self) -> Parameters: ...
    def gradientNorm(self) -> float: ...
    def updates(self) -> int: ...
    def dropoutKey(self) -> int: ...
    def resume(self, updates: int, dropout_key: int, /) -> None: ...
    def endMicrobatch(self, microbatches: int, rounded: bool, /) -> None: ...
    def squares(self) -> Sequence[float]: ...
    def updateShard(
        self, learning_rate: float, count: int, squares: float, rounded: bool, /
    ) -> None: ...
    def receive(self, rounded: bool, /) -> None: ...
    def firstOfShard(self) -> Flat: ...
    def secondOfShard(self) -> Flat: ...


@describes("org.pygpt.train.Training")
class TrainingClass(Protocol):
    def __call__(
        self,
        model: GPT,
        B: int,
        T: int,
        options: AdamW,
        layout: Layout,
        dtype: DType,
        shard: Shard,
        /,
    ) -> Training: ...


# ---- generation ----------------------------------------------------------------------------------


@describes("org.pygpt.generate.SamplingOptions")
class SamplingOptionsClass(Protocol):
    def __call__(
        self, temperature: float, top_k: int, top_p: float, min_p: float, penalty: float, /
    ) -> SamplingOptions: ...


@describes("org.pygpt.generate.Distribution")
class DistributionClass(Protocol):
    def of(
        self, logits: Doubles, sampling: SamplingOptions, never: Ints, /
    ) -> Sequence[float]: ...


@describes("org.pygpt.generate.Request")
class Request(Protocol):
    """A prompt, and how it is continued."""

    def withLookup(self, lookup: bool, /) -> Request: ...


@describes("org.pygpt.generate.Request")
class RequestClass(Protocol):
    def __call__(
        self,
        prompt: Ints,
        max_new_tokens: int,
        sampling: SamplingOptions,
        stop_tokens: Ints,
        top_count: int,
        uniforms: DoubleSupplier,
        /,
    ) -> Request: ...
    def seeded(
        self,
        prompt: Ints,
        max_new_tokens: int,
        sampling: SamplingOptions,
        stop_tokens: Ints,
        never_tokens: Ints,
        slides: bool,
        top_count: int,
        seed: int,
        /,
    ) -> Request: ...
    def numbers(self, uniforms: Doubles, /) -> DoubleSupplier: ...


@describes("org.pygpt.generate.Sequence")
class GeneratedSequence(Protocol):
    """What is added to a prompt."""

    def end(self, count: int, /) -> None: ...
    def ended(self) -> bool: ...
    def throwIfFailed(self) -> None: ...
    def length(self) -> int: ...
    def tokens(self, start: int, /) -> Sequence[int]: ...
    def tokensBeforeStop(self) -> Sequence[int]: ...
    def logProbabilities(self) -> Sequence[float]: ...
    def topTokens(self) -> Sequence[int]: ...
    def topLogProbabilities(self) -> Sequence[float]: ...


@describes("org.pygpt.generate.Sequence")
class SequenceClass(Protocol):
    def progress(self, of: list[GeneratedSequence], /) -> Sequence[int]: ...


@describes("org.pygpt.generate.Generator")
class Generator(Closeable, Protocol):
    """Sequences that are continued together, and their key/value caches."""

    @overload
    def submit(self, request: Request, /) -> GeneratedSequence: ...
    @overload
    def submit(self, requests: ArrayList, /) -> Iterable[GeneratedSequence]: ...
    def cancel(self, sequence: GeneratedSequence, /) -> None: ...
    def queued(self) -> int: ...
    def running(self) -> int: ...
    def cacheBytes(self) -> int: ...
    def forget(self) -> None: ...
    def tidy(self) -> None: ...


@describes("org.pygpt.generate.Generator")
class GeneratorClass(Protocol):
    def __call__(self, model: GPT, at_once: int, exact: bool, /) -> Generator: ...


# ---- encoder-decoder -----------------------------------------------------------------------------


@describes("org.pygpt.model.EncoderDecoderConfig")
class EncoderDecoderConfigClass(Protocol):
    def ofJson(self, json: str, /) -> EncoderDecoderConfig: ...


@describes("org.pygpt.model.PairSession")
class PairSession(Closeable, Protocol):
    """A tape of pairs, and what comes out of it."""

    def logits(self) -> Tensor: ...
    def loss(self) -> float: ...
    def encoderProbabilities(self, layer: int, /) -> Tensor: ...
    def decoderProbabilities(self, layer: int, /) -> Tensor: ...
    def crossProbabilities(self, layer: int, /) -> Tensor: ...


@describes("org.pygpt.model.EncoderDecoder")
class EncoderDecoder(Closeable, Protocol):
    """A model's weights, and the sessions that use them."""

    def kernels(self) -> Kernels: ...
    def weights(self) -> Parameters: ...
    def initialize(self, seed: int, /) -> None: ...
    def describeOps(self, B: int, S: int, T: int, /) -> Iterable[object]: ...
    def evaluation(self, B: int, S: int, T: int, /) -> PairSession: ...
    def attention(self, S: int, T: int, /) -> PairSession: ...


@describes("org.pygpt.model.EncoderDecoder")
class EncoderDecoderClass(Protocol):
    def create(
        self, config: EncoderDecoderConfig, backend: str, dtype: DType, threads: int, /
    ) -> EncoderDecoder: ...


@describes("org.pygpt.train.PairTraining")
class PairTraining(Closeable, Protocol):
    """Gradients, AdamW's moments and activations of training one model."""

    def update(self, learning_rate: float, /) -> None: ...
    def gradients(self) -> Parameters: ...
    def gradientNorm(self) -> float: ...


@describes("org.pygpt.train.PairTraining")
class PairTrainingClass(Protocol):
    def __call__(
        self, model: EncoderDecoder, B: int, S: int, T: int, options: AdamW, /
    ) -> PairTraining: ...


@describes("org.pygpt.generate.TranslateOptions")
class TranslateOptionsClass(Protocol):
    def __call__(
        self,
        sampling: SamplingOptions,
        beams: int,
        length_penalty: float,
        max_new_tokens: int,
        begin: int,
        end: int,
        seed: int,
        /,
    ) -> TranslateOptions: ...


@describes("org.pygpt.generate.Translator")
class Translator(Closeable, Protocol):
    """Makes targets of sources."""


@describes("org.pygpt.generate.Translator")
class TranslatorClass(Protocol):
    def __call__(self, model: EncoderDecoder, /) -> Translator: ...


# ---- jobs ----------------------------------------------------------------------------------------


@describes("org.pygpt.jobs.Job")
class Job(Protocol):
    """Work on a thread of its own."""

    def start(self) -> None: ...
    def cancel(self) -> None: ...
    def isRunning(self) -> bool: ...


@describes("org.pygpt.jobs.ForwardJob")
class ForwardJobClass(Protocol):
    def __call__(self, session: Session, ids: Ints, targets: Ints, B: int, T: int, /) -> Job: ...


@describes("org.pygpt.jobs.StepJob")
class StepJob(Job, Protocol):
    """Backward of a batch, and an update unless the learning rate is NaN."""

    def loss(self) -> float: ...


@describes("org.pygpt.jobs.StepJob")
class StepJobClass(Protocol):
    def __call__(
        self,
        training: Training,
        ids: Ints,
        targets: Ints,
        B: int,
        T: int,
        rate: float,
        share: float,
        /,
    ) -> StepJob: ...


@describes("org.pygpt.jobs.LossesJob")
class LossesJob(Job, Protocol):
    """Forward of a batch."""

    def losses(self) -> Sequence[float]: ...


@describes("org.pygpt.jobs.LossesJob")
class LossesJobClass(Protocol):
    def __call__(
        self, training: Training, ids: Ints, targets: Ints, B: int, T: int, /
    ) -> LossesJob: ...


@describes("org.pygpt.jobs.WeighedJob")
class WeighedJobClass(Protocol):
    def __call__(self, training: Training, weights: Doubles, /) -> Job: ...


@describes("org.pygpt.jobs.StepsJob")
class StepsJob(Job, Protocol):
    """Many steps, batch after batch and round again."""

    def completed(self) -> int: ...
    def losses(self, first: int, end: int, /) -> Sequence[float]: ...


@describes("org.pygpt.jobs.StepsJob")
class StepsJobClass(Protocol):
    def __call__(
        self, training: Training, ids: Ints, targets: Ints, sizes: Ints, rates: Doubles, /
    ) -> StepsJob: ...


@describes("org.pygpt.jobs.GenerateJob")
class GenerateJob(Job, Protocol):
    """Lets a generator work for a while."""

    def ended(self) -> bool: ...


@describes("org.pygpt.jobs.GenerateJob")
class GenerateJobClass(Protocol):
    def __call__(
        self, generator: Generator, millis: int, wanted: list[GeneratedSequence], /
    ) -> GenerateJob: ...


@describes("org.pygpt.jobs.PairForwardJob")
class PairForwardJobClass(Protocol):
    def __call__(
        self,
        session: PairSession,
        sources: Ints,
        lengths: Ints,
        ids: Ints,
        targets: Ints,
        size: Ints,
        /,
    ) -> Job: ...


@describes("org.pygpt.jobs.PairStepJob")
class PairStepJob(Job, Protocol):
    """Backward of a batch of pairs, and an update unless the learning rate is NaN."""

    def loss(self) -> float: ...


@describes("org.pygpt.jobs.PairStepJob")
class PairStepJobClass(Protocol):
    def __call__(
        self,
        training: PairTraining,
        sources: Ints,
        lengths: Ints,
        ids: Ints,
        targets: Ints,
        size: Ints,
        rate: float,
        /,
    ) -> PairStepJob: ...


@describes("org.pygpt.jobs.TranslateJob")
class TranslateJob(Job, Protocol):
    """Targets of many sources."""

    def tokens(self) -> Sequence[int]: ...
    def lengths(self) -> Sequence[int]: ...
    def ended(self) -> Sequence[bool]: ...
    def logProbabilities(self) -> Sequence[float]: ...


@describes("org.pygpt.jobs.TranslateJob")
class TranslateJobClass(Protocol):
    def __call__(
        self, translator: Translator, ids: Ints, lengths: Ints, options: TranslateOptions, /
    ) -> TranslateJob: ...
