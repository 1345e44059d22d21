"""Reward for HopChain questions: 1.0 when the final number of a response is the truth, else 0.0.

This file stands alone: it needs only Python's standard library, and a copy of it lies beside the
shards. verl names it by `reward.custom_reward_function.path`, TRL is handed `trl_reward`.

What counts as the final number: the last `<answer>...</answer>` after the thinking, or, where there
is none, the last `\\boxed{...}`. Nothing else: not a bare number, not a number with a unit, not two
numbers in one tag. Numbers are compared exactly, as fractions.

What is not covered: answers that are not one number. Mixed with other data, give those rows their own reward.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

_OPEN, _CLOSE = "<answer>", "</answer>"
_THINK, _END_OF_THINK = "<think>", "</think>"
_BOX = "\\boxed{"
# No number of ours has a tenth of this; longer texts are refused before anything is parsed.
_LONGEST = 80
# Each character can be read by one part only, so a match is linear in a text that is already short.
_DECIMAL = re.compile(r"([+-]?)([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?(?:\.([0-9]*))?")
_RATIO = re.compile(r"([+-]?[0-9]+) ?/ ?([0-9]+)")
_LATEX_RATIO = re.compile(r"([+-]?)\\[dt]?frac\{([+-]?[0-9]+)\}\{([0-9]+)\}")


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: object,
    extra_info: Mapping[str, object] | None = None,
    **_ignored: object,
) -> float:
    """The reward of one response, as verl calls it.

    verl adds keywords of its own when a reward model runs beside the policy; they are not needed.

    Raises:
        ValueError: when the truth is not a number, as happens with rows of another data set.
    """
    return _score(solution_str, ground_truth, data_source)


def trl_reward(
    completions: Sequence[object],
    answer: Sequence[object] | None = None,
    reward_model: Sequence[Mapping[str, object]] | None = None,
    **_ignored: object,
) -> list[float]:
    """The rewards of a group of completions, as TRL's GRPO calls it.

    A completion is a text or a list of messages, of which the last counts. The truth is the
    column `answer`, or else the `ground_truth` in the column `reward_model` of the shards.

    Raises:
        ValueError: when neither column came, their lengths differ, or a truth is not a number.
    """
    if answer is None and reward_model is not None:
        answer = [entry["ground_truth"] for entry in reward_model]
    if answer is None:
        raise ValueError("trl_reward needs the truth: keep the column answer or reward_model in the data set")
    if len(answer) != len(completions):
        raise ValueError(f"trl_reward got {len(completions)} completions but {len(answer)} truths")
    return [_score(_last_text(said), truth, "trl") for said, truth in zip(completions, answer, strict=True)]


def final_number(text: str) -> Fraction | None:
    """The number that a response ends with, or None when it gives none in the agreed form."""
    text = _after_thinking(text)
    said = _last_answer(text)
    if said is None:
        said = _last_boxed(text)
    return None if said is None else parse_number(said)


def parse_number(text: str) -> Fraction | None:
    """The exact value of `7`, `7.0`, `-3`, `1,200`, `2.5`, `7/2`; None for anything else."""
    if len(text) > _LONGEST:
        return None
    text = text.strip().replace("\u2212", "-")
    for start, end in (("$", "$"), (_BOX, "}")):
        if text.startswith(start) and text.endswith(end) and len(text) > len(start):
            text = text[len(start) : -len(end)].strip()
    if ratio := _RATIO.fullmatch(text):
        return _ratio(ratio[1], ratio[2])
    if ratio := _LATEX_RATIO.fullmatch(text):
        return _ratio(ratio[1] + ratio[2], ratio[3]) if not (ratio[1] and ratio[2][0] in "+-") else None
    return _decimal(text)


def _score(text: object, truth: object, data_source: str) -> float:
    wanted = None if isinstance(truth, bool) else parse_number(str(truth))
    if wanted is None:
        raise ValueError(
            f"the truth {str(truth)[:40]!r} of a row of {data_source!r} is not a number: "
            "this reward scores numbers only, give rows of other data sets a reward of their own"
        )
    return 1.0 if isinstance(text, str) and final_number(text) == wanted else 0.0


def _after_thinking(text: str) -> str:
    # Chat templates often put the opening tag into the prompt, so the closing one may stand alone.
    text = text[text.rfind(_END_OF_THINK) + len(_END_OF_THINK) :] if _END_OF_THINK in text else text
    unfinished = text.find(_THINK)
    return text if unfinished < 0 else text[:unfinished]


def _last_answer(text: str) -> str | None:
    start = text.rfind(_OPEN, 0, max(0, text.rfind(_CLOSE)))
    if start < 0:
        return None
    start += len(_OPEN)
    return text[start : text.find(_CLOSE, start)]


def _last_boxed(text: str) -> str | None:
    start = text.rfind(_BOX)
    if start < 0:
        return None
    start += len(_BOX)
    depth = 1
    for at in range(start, min(len(text), start + _LONGEST)):
        depth += (text[at] == "{") - (text[at] == "}")
        if depth == 0:
            return text[start:at]
    return None


def _decimal(text: str) -> Fraction | None:
    found = _DECIMAL.fullmatch(text)
    if found is None or not (found[2] or found[3]):
        return None
    whole, part = (found[2] or "").replace(",", ""), found[3] or ""
    value = Fraction(int(whole + part), 10 ** len(part))
    return -value if found[1] == "-" else value


def _ratio(above: str, below: str) -> Fraction | None:
    return Fraction(int(above), int(below)) if int(below) else None


def _last_text(completion: object) -> str:
    if isinstance(completion, Sequence) and not isinstance(completion, str) and completion:
        completion = completion[-1]
    if isinstance(completion, Mapping):
        completion = completion.get("content")
    if isinstance(completion, Sequence) and not isinstance(completion, str):
        parts = [part.get("text") for part in completion if isinstance(part, Mapping)]
        return "".join(part for part in parts if isinstance(part, str))
    return completion if isinstance(completion, str) else ""
