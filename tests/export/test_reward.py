"""The reward is 1.0 for the response's final number when it is the truth, and 0.0 for all else."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopchain_assets.domain.records import canonical_number
from hopchain_assets.export import reward
from hopchain_assets.export.reward import compute_score, trl_reward

RIGHT = [
    ("<answer>7</answer>", "7"),
    ("<answer>7.0</answer>", "7"),
    ("<answer>7.</answer>", "7"),
    ("<answer>07</answer>", "7"),
    ("<answer>+7</answer>", "7"),
    ("<answer>\n 7 \n</answer>", "7"),
    ("<answer>-3</answer>", "-3"),
    ("<answer>\u22123</answer>", "-3"),
    ("<answer>-0</answer>", "0"),
    ("<answer>1,200</answer>", "1200"),
    ("<answer>1,200,000.50</answer>", "1200000.5"),
    ("<answer>1200</answer>", "1200"),
    ("<answer>2.5</answer>", "2.5"),
    ("<answer>.5</answer>", "0.5"),
    ("<answer>7/2</answer>", "3.5"),
    ("<answer>-7 / 2</answer>", "-3.5"),
    ("<answer>14/2</answer>", "7"),
    ("<answer>$7$</answer>", "7"),
    ("<answer>\\boxed{7}</answer>", "7"),
    ("<answer>0.1</answer>", "0.1"),
    ("I count 7.\n<answer>7</answer> I am done, 8 of 9.", "7"),
    ("<answer>3</answer> No, wait. <answer>7</answer>", "7"),
    ("<answer><answer>7</answer>", "7"),
    ("<answer>7</answer></answer>", "7"),
    ("<answer>7</answer> and then <answer>8", "7"),
    ("<think>is it <answer>3</answer>?</think><answer>7</answer>", "7"),
    ("it may be <answer>3</answer></think>So \\boxed{7}.", "7"),
    ("<think>one</think><think>two</think><answer>7</answer>", "7"),
    ("The result is \\boxed{7}", "7"),
    ("\\boxed{3}, no, \\boxed{7}.", "7"),
    ("\\boxed{\\frac{5}{2}}", "2.5"),
    ("\\boxed{-\\dfrac{5}{2}}", "-2.5"),
    ("\\boxed{3} but <answer>7</answer>", "7"),
    ("<answer>7</answer> which is \\boxed{3}", "7"),
]
WRONG = [
    ("", "7"),
    ("7", "7"),
    ("The answer is 7.", "7"),
    ("answer: 7", "7"),
    ("<answer>8</answer>", "7"),
    ("<answer></answer>", "7"),
    ("<answer>.</answer>", "0"),
    ("<answer>-</answer>", "0"),
    ("<answer>7 8</answer>", "7"),
    ("<answer>7, 8</answer>", "7"),
    ("<answer>7,8</answer>", "7"),
    ("<answer>7 or 8</answer>", "7"),
    ("<answer>7 chairs</answer>", "7"),
    ("<answer>seven</answer>", "7"),
    ("<answer>N = 7</answer>", "7"),
    ("<answer>3+4</answer>", "7"),
    ("<answer>2**3</answer>", "8"),
    ("<answer>__import__('os')</answer>", "7"),
    ("<answer>12,00</answer>", "1200"),
    ("<answer>1e1</answer>", "10"),
    ("<answer>1e999999999</answer>", "10"),
    ("<answer>0x7</answer>", "7"),
    ("<answer>\uff17</answer>", "7"),
    ("<answer>7/0</answer>", "7"),
    ("<answer>7/-1</answer>", "-7"),
    ("<answer>--7</answer>", "7"),
    ("<answer>nan</answer>", "7"),
    ("<answer>inf</answer>", "7"),
    ("<answer>-Infinity</answer>", "7"),
    ("<answer>7.0000000000000000001</answer>", "7"),
    ("<answer>0.30000000000000004</answer>", "0.3"),
    ("<answer>9007199254740993</answer>", "9007199254740992"),
    ("<answer>7</answer> <answer>8</answer>", "7"),
    ("<answer>7</answer> <answer>none</answer>", "7"),
    ("\\boxed{7} <answer>none</answer>", "7"),
    ("\\boxed{7} \\boxed{8}", "7"),
    ("\\boxed{7} \\boxed{", "7"),
    ("\\boxed{7} \\boxed{\\text{none}}", "7"),
    ("\\boxed{7, 8}", "7"),
    ("</answer>7<answer>", "7"),
    ("<answer>7", "7"),
    ("7</answer>", "7"),
    ("<think><answer>7</answer></think> I cannot tell.", "7"),
    ("<think>perhaps <answer>7</answer>", "7"),
]


@pytest.mark.parametrize(("said", "truth"), RIGHT)
def test_right(said: str, truth: str) -> None:
    """The truth, in any form that is exactly that number and in the agreed place, is rewarded."""
    assert compute_score("hopchain", said, truth, {"index": 1}) == 1.0


@pytest.mark.parametrize(("said", "truth"), WRONG)
def test_wrong(said: str, truth: str) -> None:
    """Another number, several numbers, words, expressions and numbers elsewhere are not rewarded."""
    assert compute_score("hopchain", said, truth) == 0.0


@given(st.fractions(max_denominator=8), st.fractions(max_denominator=8))
def test_exact(said: object, truth: object) -> None:
    """Two fractions are judged equal when, and only when, they are."""
    assert compute_score("hopchain", f"<answer>{said}</answer>", str(truth)) == float(said == truth)


@given(st.integers(-(10**9), 10**9), st.sampled_from([1, 2, 4, 5, 8]))
def test_canonical_truths(value: int, parts: int) -> None:
    """Every answer in our canonical form is read, so no row is without a reward."""
    answer = canonical_number(value / parts)
    assert compute_score("hopchain", f"<answer>{answer}</answer>", answer) == 1.0


@given(st.text(alphabet="<answer>/think\\boxd{} 7,.-+$fracs\n", max_size=200))
def test_any_text(said: str) -> None:
    """No text makes the reward raise or give anything but 0 or 1."""
    assert compute_score("hopchain", said, "7") in (0.0, 1.0)


@pytest.mark.parametrize(
    "said",
    [
        "<answer>" * 500_000,
        "</answer>" * 500_000,
        "<answer></answer>" * 200_000,
        "<think>" * 500_000 + "</think>" * 500_000,
        "\\boxed{" * 500_000,
        "\\boxed" + "{" * 2_000_000,
        "<answer>" + "9" * 2_000_000 + "</answer>",
        "<answer>" + "1,111" * 500_000 + "</answer>",
        "<answer>" + " " * 2_000_000 + "7</answer>",
        "<answer>1/" + "3" * 2_000_000 + "</answer>",
        "\\boxed{" + "7" * 2_000_000 + "}",
    ],
    ids=lambda said: f"{said[:12]}...",
)
def test_huge(said: str) -> None:
    """Megabytes of nearly-answers score 0; a quadratic search would run into the suite's limit."""
    assert compute_score("hopchain", said, "7") == 0.0


def test_huge_before_the_answer() -> None:
    """A right answer after a very long response is still found."""
    assert compute_score("hopchain", "<answer>3 " * 300_000 + "<answer>7</answer>", "7") == 1.0


@pytest.mark.parametrize("said", [None, 7, b"<answer>7</answer>", ["<answer>7</answer>"]])
def test_no_text(said: object) -> None:
    """A response that is no text scores 0."""
    assert compute_score("hopchain", said, "7") == 0.0  # pyright: ignore[reportArgumentType]  the claim is about such a caller


@pytest.mark.parametrize("truth", ["x^2", "", "nan", True, None, {"target": 7}])
def test_truth_that_is_no_number(truth: object) -> None:
    """A truth that is no number is a fault of the data, told with the row's data set, not a 0."""
    with pytest.raises(ValueError, match="'math'"):
        compute_score("math", "<answer>7</answer>", truth)


def test_truth_as_number() -> None:
    """Trainers that turn the truth into a number get the same reward, and verl may add keywords."""
    assert compute_score("hopchain", "<answer>7</answer>", 7, None, reward_router_address=None) == 1.0
    assert compute_score("hopchain", "<answer>2.5</answer>", 2.5) == 1.0


def test_trl() -> None:
    """TRL's texts, messages and parts are read; other columns are passed by."""
    completions = [
        "<answer>7</answer>",
        [{"role": "assistant", "content": "<answer>7</answer>"}],
        [
            {
                "role": "assistant",
                "content": [{"type": "text", "text": "<answer>8"}, {"type": "text", "text": "</answer>"}],
            }
        ],
        [],
    ]
    assert trl_reward(completions, answer=["7", "7", "8", "7"], prompts=[], trainer_state=None) == [1.0, 1.0, 1.0, 0.0]
    truths = [{"style": "rule", "ground_truth": "7"}] * 4
    assert trl_reward(completions=completions, reward_model=truths) == [1.0, 1.0, 0.0, 0.0]


def test_trl_without_truth() -> None:
    """Without a truth for each completion TRL's reward says which column it needs."""
    with pytest.raises(ValueError, match="column answer"):
        trl_reward(["<answer>7</answer>"])
    with pytest.raises(ValueError, match="1 completions but 2 truths"):
        trl_reward(["<answer>7</answer>"], answer=["7", "8"])


def test_stands_alone() -> None:
    """The file imports only the standard library, so a copy works anywhere."""
    tree = ast.parse(Path(str(reward.__file__)).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names
