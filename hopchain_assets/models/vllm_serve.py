"""The command that serves a model with vLLM. Nothing of vLLM is imported; it is a program of its own.

The flags were compared with those of vLLM 0.32 (`vllm serve --help=all`), and with vLLM's recipe for Qwen3-VL
(https://docs.vllm.ai/projects/recipes/en/latest/Qwen/Qwen3-VL.html).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"
# a whole picture, a crop of each of at most six instances, and one to spare
MOST_PICTURES = 8
# the longest reply that is asked for (32,768 tokens with its reasoning), and as much again for prompt and pictures
MODEL_LENGTH = 65_536
# of the cards' memory; the rest is for what the model keeps of its prompts (the KV cache) and for its work
WEIGHT_SHARE = 0.8
# what most cards are that such models are served on
USUAL_GIGABYTES = 80.0

# how a model that reasons first marks its reasoning, by its name. Without this the schema also binds the reasoning,
# which is to say that there is none. `deepseek_r1` separates it as well, but counts no reasoning tokens.
# gpt-oss needs none: vLLM knows it by its architecture
REASONING = ((re.compile(r"qwen3.*thinking|qwen3\.\d", re.IGNORECASE), "qwen3"),)
EXPERTS = re.compile(r"-a\d+(\.\d+)?b(?![a-z])|gpt-oss|mixtral", re.IGNORECASE)
BILLIONS = re.compile(r"(?<![a-z\d.])(\d+(?:\.\d+)?)b(?![a-z])", re.IGNORECASE)
# bytes a weight, with the scales and what stays in bfloat16
PRECISIONS = (
    (re.compile(r"gpt-oss|mxfp4", re.IGNORECASE), 0.53),
    (re.compile(r"awq|gptq|int4|4bit|w4a|nvfp4", re.IGNORECASE), 0.6),
    (re.compile(r"fp8|int8|8bit|w8a", re.IGNORECASE), 1.1),
)
BFLOAT16 = 2.0


class ServeError(ValueError):
    """A model or a number of cards that cannot be served so; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A model chosen for a machine of `cards` with `gigabytes` each.

    `billions` of weights, of which `wide` (embeddings, picture encoder) stay in bfloat16 where the others have 8 bits.
    `layers` and `heads` (of keys and values, 128 numbers each) say how much it keeps of every token.
    """

    machine: str
    model: str
    cards: int
    gigabytes: float
    billions: float
    wide: float
    layers: int
    heads: int

    @property
    def weights(self) -> float:
        """The size of the weights in 10^9 bytes."""
        return self.billions + self.wide if self.model.endswith("-FP8") else BFLOAT16 * self.billions

    @property
    def cache_bytes(self) -> int:
        """What a token takes in the KV cache in bfloat16; half of it where that is compressed."""
        return 2 * 2 * self.layers * self.heads * 128


PRESETS = (
    Preset("eight 80 GB cards", "Qwen/Qwen3-VL-235B-A22B-Thinking", 8, 80, 235.7, 1.8, 94, 4),
    Preset("four 80 GB cards", "Qwen/Qwen3-VL-235B-A22B-Thinking-FP8", 4, 80, 235.7, 1.8, 94, 4),
    Preset("one 80 GB card", "Qwen/Qwen3-VL-30B-A3B-Thinking-FP8", 1, 80, 31.1, 1.2, 48, 4),
    Preset("one 24 GB card", "Qwen/Qwen3-VL-8B-Thinking-FP8", 1, 24, 8.8, 1.8, 36, 8),
)


@dataclass(frozen=True, slots=True)
class Serving:
    """What is served, and on what.

    `gpus` cards of at least `gigabytes` (10^9 bytes) each; 0 cards is the processor, for trials. `revision` is a
    branch, tag or commit of the model's repository. Whatever is in `extra` overrules what is decided here.

    Raises:
        ServeError: when the model's name begins with a dash.
    """

    model: str
    gpus: int
    gigabytes: float = USUAL_GIGABYTES
    revision: str = ""
    host: str = LOOPBACK
    port: int = 8000
    length: int = MODEL_LENGTH
    compressed_kv: bool = False
    extra: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.model or self.model.startswith("-"):
            raise ServeError(f"a model is a name such as {PRESETS[0].model}, or a folder; it is {self.model!r}")

    @property
    def split(self) -> tuple[int, int]:
        """Over how many cards the weights are spread (tensor parallel), and how many such groups there are.

        The smallest power of two that holds the weights: a group that talks to fewer cards answers more in all. As
        many cards as there are where nobody knows the size.
        """
        if self.gpus < 2:
            return 1, 1
        powers = [1 << power for power in range(self.gpus.bit_length())]
        needed = weight_gigabytes(self.model)
        fits = [] if needed is None else [cards for cards in powers if self._holds(needed, cards)]
        tensor = min(fits, default=powers[-1])
        return tensor, self.gpus // tensor

    @property
    def too_large(self) -> bool:
        """Whether the weights will not fit, as far as the name tells their size."""
        needed = weight_gigabytes(self.model)
        return self.gpus > 0 and needed is not None and not self._holds(needed, self.gpus)

    def _holds(self, needed: float, cards: int) -> bool:
        return needed <= WEIGHT_SHARE * self.gigabytes * cards


def serve_arguments(serving: Serving) -> list[str]:
    """The arguments of the program `vllm`. No key among them: see `serve_environment`."""
    arguments = ["serve", serving.model, "--host", serving.host, "--port", str(serving.port)]
    if serving.revision:
        arguments += ["--revision", serving.revision]
    arguments += _parallel(serving)
    arguments += ["--max-model-len", str(serving.length)]
    arguments += ["--limit-mm-per-prompt", _json({"image": MOST_PICTURES, "video": 0})]
    # xgrammar lets through what is no JSON where a text has a least or a greatest length: 22 of 32 replies
    arguments += ["--structured-outputs-config", _json({"backend": "guidance", "disable_any_whitespace": True})]
    # all questions of a stage begin with the same prompt, and all about a picture with the same picture
    arguments.append("--enable-prefix-caching")
    parser = reasoning_parser(serving.model)
    if parser:
        arguments += ["--reasoning-parser", parser]
    if serving.compressed_kv:
        arguments += ["--kv-cache-dtype", "fp8"]
    return arguments + list(serving.extra)


def serve_environment(key: str) -> Mapping[str, str]:
    """What vLLM reads from its environment; the key is there, because arguments can be seen by all users."""
    environment = {"VLLM_NO_USAGE_STATS": "1"}
    return environment | {"VLLM_API_KEY": key} if key else environment


def reasoning_parser(model: str) -> str | None:
    """By what name vLLM knows the model's way to mark its reasoning; None where the name tells of none."""
    name = _last(model)
    return next((parser for pattern, parser in REASONING if pattern.search(name)), None)


def has_experts(model: str) -> bool:
    """Whether it is a mixture of experts, by its name."""
    return EXPERTS.search(_last(model)) is not None


def weight_gigabytes(model: str) -> float | None:
    """How large the weights are, or should be by the name (`235B`, `FP8`); None where the name does not tell."""
    known = next((preset.weights for preset in PRESETS if preset.model == model), None)
    if known is not None:
        return known
    name = _last(model)
    found = BILLIONS.search(name)
    if found is None:
        return None
    width = next((size for pattern, size in PRECISIONS if pattern.search(name)), BFLOAT16)
    return float(found.group(1)) * width


def _parallel(serving: Serving) -> list[str]:
    tensor, data = serving.split
    if serving.gpus == 0:
        # on a processor vLLM 0.32 dies of a prompt in several chunks when the question names a seed, as ours do
        return ["--no-enable-chunked-prefill", "--max-num-batched-tokens", str(serving.length)]
    arguments = ["--tensor-parallel-size", str(tensor)]
    if tensor > 1:
        # the picture encoder is small: a copy on every card costs less than talking about each layer
        arguments += ["--mm-encoder-tp-mode", "data"]
    if data > 1:
        arguments += ["--data-parallel-size", str(data)]
    if tensor * data > 1 and has_experts(serving.model):
        # whole experts, because a slice of one can be narrower than the blocks of FP8: 1536 / 8 is not 128 n
        arguments.append("--enable-expert-parallel")
    return arguments


def _last(model: str) -> str:
    """The name without its owner, or the folder's own name."""
    return model.rstrip("/").rpartition("/")[2]


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(value, separators=(",", ":"))
