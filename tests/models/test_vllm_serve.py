"""The arguments of `vllm serve`, and the page that tells which model fits which card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hopchain_assets.models.vllm_serve import (
    MODEL_LENGTH,
    PRESETS,
    Preset,
    ServeError,
    Serving,
    serve_arguments,
    serve_environment,
    weight_gigabytes,
)
from hopchain_assets.ports.vlm import Sampling
from hopchain_assets.settings.servers import WRITER_MODEL
from hopchain_assets.stages import writing

PAGE = Path(__file__).parents[2] / "docs" / "serving.md"
EIGHT = Serving(WRITER_MODEL, 8)


def after(arguments: list[str], flag: str) -> str:
    """The value of a flag that stands once."""
    assert arguments.count(flag) == 1, arguments
    return arguments[arguments.index(flag) + 1]


def test_the_default_model_takes_all_eight_cards() -> None:
    """471 GB of weights are spread over eight cards of 80 GB, by whole experts, with its reasoning set apart."""
    arguments = serve_arguments(EIGHT)
    assert arguments[:2] == ["serve", "Qwen/Qwen3-VL-235B-A22B-Thinking"]
    assert (after(arguments, "--tensor-parallel-size"), "--data-parallel-size" in arguments) == ("8", False)
    assert "--enable-expert-parallel" in arguments and "--enable-prefix-caching" in arguments
    assert after(arguments, "--mm-encoder-tp-mode") == "data"
    assert after(arguments, "--reasoning-parser") == "qwen3"
    assert after(arguments, "--host") == "127.0.0.1"


def test_replies_are_bound_to_their_schema() -> None:
    """The backend whose replies were all JSON, without room for endless blanks; pictures, and no videos."""
    arguments = serve_arguments(EIGHT)
    structured = {"backend": "guidance", "disable_any_whitespace": True}
    assert json.loads(after(arguments, "--structured-outputs-config")) == structured
    assert json.loads(after(arguments, "--limit-mm-per-prompt")) == {"image": 8, "video": 0}


def test_the_longest_reply_leaves_room_for_its_prompt() -> None:
    """vLLM refuses a question whose prompt and longest reply are longer together than the model."""
    longest = max(sampling.max_tokens for sampling in (writing.SAMPLING, Sampling()))
    assert int(after(serve_arguments(EIGHT), "--max-model-len")) == MODEL_LENGTH >= 2 * longest


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.machine)
def test_a_preset_fits_its_machine(preset: Preset) -> None:
    """Its weights fit, one copy takes all its cards, and a prompt of the full length fits beside them."""
    serving = Serving(preset.model, preset.cards, preset.gigabytes)
    assert not serving.too_large and serving.split == (preset.cards, 1)
    left = 0.9 * preset.cards * preset.gigabytes - preset.weights
    assert left * 1e9 > preset.cache_bytes * MODEL_LENGTH


@pytest.mark.parametrize(
    ("model", "gpus", "gigabytes", "split"),
    [
        ("Qwen/Qwen3-VL-235B-A22B-Thinking-FP8", 8, 80.0, (4, 2)),
        ("Qwen/Qwen3-VL-235B-A22B-Thinking", 8, 141.0, (8, 1)),
        ("Qwen/Qwen3-VL-8B-Thinking-FP8", 4, 24.0, (1, 4)),
        ("Qwen/Qwen3-VL-8B-Thinking-FP8", 6, 8.0, (2, 3)),
        ("Qwen/Qwen3-VL-32B-Thinking", 3, 48.0, (2, 1)),
        ("openai/gpt-oss-120b", 1, 80.0, (1, 1)),
        ("/models/of-unknown-size", 4, 80.0, (4, 1)),
        ("/models/of-unknown-size/", 3, 80.0, (2, 1)),
        ("Qwen/Qwen3-VL-235B-A22B-Thinking", 4, 80.0, (4, 1)),
        ("Qwen/Qwen3-VL-8B-Thinking", 0, 80.0, (1, 1)),
    ],
)
def test_cards_are_split_into_the_smallest_groups_that_hold_the_weights(
    model: str, gpus: int, gigabytes: float, split: tuple[int, int]
) -> None:
    """Tensor parallel as little as can be, data parallel with the rest; all for one where the size is not known."""
    assert Serving(model, gpus, gigabytes).split == split


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("Qwen/Qwen3-VL-235B-A22B-Thinking", 471.4),
        ("someone/Model-70B-AWQ", 42.0),
        ("Qwen/Qwen3-VL-32B-Instruct", 64.0),
        ("Qwen/Qwen3.5-0.8B", 1.6),
        ("my/model-v2-best", None),
        ("/work/10B/mine", None),
    ],
)
def test_the_name_tells_the_size(model: str, size: float | None) -> None:
    """Of a model that is not listed its name is believed; active experts (`A22B`) and folders above are not it."""
    assert weight_gigabytes(model) == (size if size is None else pytest.approx(size))


@pytest.mark.parametrize(
    ("model", "parser", "experts"),
    [
        ("Qwen/Qwen3-VL-8B-Thinking", "qwen3", False),
        ("Qwen/Qwen3-VL-30B-A3B-Instruct", None, True),
        ("Qwen/Qwen3.5-35B-A3B", "qwen3", True),
        ("/models/Qwen3-VL-4B-Thinking/", "qwen3", False),
        ("google/gemma-3-27b-it", None, False),
        ("openai/gpt-oss-120b", None, True),
    ],
)
def test_the_name_tells_reasoning_and_experts(model: str, parser: str | None, experts: bool) -> None:
    """A parser only for a model that reasons: with one, vLLM takes another model's whole answer for reasoning."""
    arguments = serve_arguments(Serving(model, 2, 12.0))
    assert (after(arguments, "--reasoning-parser") if parser else None) == parser
    assert ("--reasoning-parser" in arguments, "--enable-expert-parallel" in arguments) == (bool(parser), experts)


def test_on_one_card_nothing_is_spread() -> None:
    """No expert parallelism and no copies of the picture encoder."""
    arguments = serve_arguments(Serving("Qwen/Qwen3-VL-30B-A3B-Thinking-FP8", 1))
    assert after(arguments, "--tensor-parallel-size") == "1"
    assert not {"--enable-expert-parallel", "--mm-encoder-tp-mode", "--data-parallel-size"} & set(arguments)


def test_on_the_processor_prompts_stay_whole() -> None:
    """vLLM 0.32 on a processor dies of a prompt in chunks when the question names a seed."""
    arguments = serve_arguments(Serving("tiny", 0, length=4096))
    assert "--no-enable-chunked-prefill" in arguments and after(arguments, "--max-num-batched-tokens") == "4096"
    assert "--tensor-parallel-size" not in arguments


def test_what_is_asked_for_is_added_at_the_end() -> None:
    """Revision and compressed cache only where wanted; the user's own arguments come last, and so overrule."""
    plain = serve_arguments(EIGHT)
    assert not {"--revision", "--kv-cache-dtype"} & set(plain)
    own = ("--max-num-seqs", "128")
    arguments = serve_arguments(Serving(WRITER_MODEL, 8, revision="abc", port=9, compressed_kv=True, extra=own))
    assert (after(arguments, "--revision"), after(arguments, "--port")) == ("abc", "9")
    assert after(arguments, "--kv-cache-dtype") == "fp8" and tuple(arguments[-2:]) == own


def test_the_key_goes_by_the_environment() -> None:
    """Where other users of the machine do not see it; without a key there is no empty one."""
    assert serve_environment("s3cret")["VLLM_API_KEY"] == "s3cret"
    assert "VLLM_API_KEY" not in serve_environment("") and serve_environment("")["VLLM_NO_USAGE_STATS"] == "1"


@pytest.mark.parametrize("model", ["", "--port", "-x"])
def test_a_model_is_no_option(model: str) -> None:
    """A model that vLLM would take for an option is refused with a sentence."""
    with pytest.raises(ServeError, match="a model is a name"):
        Serving(model, 1)


def test_the_page_tells_the_presets() -> None:
    """docs/serving.md lists them with the sizes that are computed here."""
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    told = {row[1].strip("`"): row[2:4] for row in rows if len(row) > 4}
    for preset in PRESETS:
        assert told[preset.model] == [f"{preset.weights:.0f} GB", f"{preset.cache_bytes / 1000:.0f} kB"], preset.machine
    assert PRESETS[0].model == WRITER_MODEL
