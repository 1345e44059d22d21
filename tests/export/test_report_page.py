"""The report page: everything it is told is on it, as text, and it loads nothing."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from hopchain_assets.domain.certify import RULES
from hopchain_assets.export.report import write_report
from hopchain_assets.export.report_data import (
    CheckRow,
    Example,
    Group,
    Loss,
    Report,
    StageTime,
    Trouble,
    Yields,
)
from hopchain_assets.export.report_losses import RULE_WORDS
from hopchain_assets.export.report_tables import duration, share
from hopchain_assets.export.words import Entry
from tests.export.test_contact_sheet import HOSTILE, Page, seen

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
WHOLE = Yields("", 100, 98, 97, 90, 800, 700, 600, 600)


def jpeg(size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(out, "JPEG", quality=90)
    return out.getvalue()


def made(text: str, picture: bytes = b"") -> Report:
    """A report that shows the text wherever something from outside is shown."""
    group = (Group(text, 3, text),)
    return Report(
        NOW, 12, WHOLE,
        batches=(replace(WHOLE, batch=text), Yields(f"{text} 2")), n_batches=30,
        losses=(Loss(text, 5, (Example(text, text, text, picture),)),), unused=group,
        answers=((text, 3), ("7", 1)), mix={"hops": ((text, 4),), "type": ((text, 4),), "form": ((text, 4),)},
        splits=((text, 600),), seconds=(StageTime(text, 2, 100, 300, 75.0),),
        waiting=group, set_aside=group, bad_marks=group, rated_out=group, pending=((text, 9),),
        troubles=(Trouble("parked", text, text), Trouble("failed", text, text, 4)),
        checks=(CheckRow(text, text, text, True), CheckRow(text, text, text, False, 8, text)),
    )  # fmt: skip


def page(path: Path, report: Report, *samples: Entry) -> Page:
    write_report(path / "report.html", report, samples)
    return Page((path / "report.html").read_text(encoding="utf-8"))


def test_everything_that_is_told_is_on_the_page(tmp_path: Path, make_entry: Callable[..., Entry]) -> None:
    """Yields, mix, samples, rejects, what waits, what failed, checks and times each have their section."""
    found = page(tmp_path, made("words", jpeg((900, 600))), make_entry("How many cups?"))
    links = [attrs["href"] for tag, attrs in found.elements if tag == "a"]
    ids = [f"#{attrs['id']}" for tag, attrs in found.elements if tag == "section"]
    assert links == ids and len(ids) == 8
    for told in (
        "the latest 2 of 30", "all 30 batches", "1 of 2 checks fail", "1 batch parked", "4 inputs failed",
        "9 inputs pending", "How many cups?", "1 min 15 s", "2026-11-22 18:00 UTC", "snapshot 12", "right in 75%",
    ):  # fmt: skip
        assert told in found.text, told
    assert not found.open


def test_a_sample_hides_its_answer_and_tells_its_margins(tmp_path: Path, make_entry: Callable[..., Entry]) -> None:
    """Behind a fold are hops, results, the closest call of each choice, and the answer; ids are not shown."""
    found = page(tmp_path, Report(NOW, 1, WHOLE), make_entry("How many cups?"))
    shown, _, hidden = found.text.partition("Show the answer")
    assert "How many cups?" in shown and "Answer 7" not in shown and "Answer 7" in hidden
    assert [attrs for tag, attrs in found.elements if tag == "details"] == [{}]
    assert "the cup (top) and the chair of hop 2: apart horizontally 46 px (needed: 7 px)" in hidden
    assert not re.search(r"\bi[1-4]\b", found.text)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_inert(tmp_path: Path, make_entry: Callable[..., Entry], text: str) -> None:
    """Whatever comes from files and models adds no element and no attribute to the page, and is there as it was."""
    plain = page(tmp_path, made("plain"), make_entry("plain"))
    hostile = page(tmp_path, made(text), make_entry(text, hop_text=text))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    assert [list(attrs) for _, attrs in hostile.elements] == [list(attrs) for _, attrs in plain.elements]
    assert seen(text) in hostile.text


def test_the_page_loads_nothing_and_runs_nothing(tmp_path: Path, make_entry: Callable[..., Entry]) -> None:
    """Pictures are inside the page; there is no script, no form, no inline style."""
    found = page(tmp_path, made("words", jpeg((300, 200))), make_entry())
    for tag, attrs in found.elements:
        assert tag not in {"script", "link", "iframe", "object", "base", "form"}
        assert not {"style", "srcset"} & set(attrs) and not any(name.startswith("on") for name in attrs)
        assert re.match(r"data:image/(jpeg|svg\+xml);base64,", attrs.get("src") or "data:image/jpeg;base64,")
        assert tag != "a" or (attrs["href"] or "").startswith("#")


def test_the_page_stays_small(tmp_path: Path, make_entry: Callable[..., Entry]) -> None:
    """Twenty-six large pictures in examples and eight in samples make less than 3 MB."""
    large = jpeg((2400, 1600))
    losses = tuple(Loss(rule, 2, (Example("q", "d", "n", large),) * 2) for rule in RULES)
    page(tmp_path, Report(NOW, 1, WHOLE, losses=losses), *[make_entry()] * 8)
    assert (tmp_path / "report.html").stat().st_size < 3_000_000


def test_every_rule_has_words() -> None:
    """A rule that is added to the certifier is explained here too."""
    assert tuple(RULE_WORDS) == RULES


def test_a_lost_or_broken_example_picture_costs_the_picture_only(tmp_path: Path) -> None:
    """Where the store has lost a file, or it no longer opens, the example's words remain."""
    examples = (Example("first", "why", "a.jpg", b""), Example("second", "why", "b.jpg", b"no picture"))
    found = page(tmp_path, Report(NOW, 1, WHOLE, losses=(Loss("bound", 2, examples),)))
    assert "first" in found.text and "second" in found.text


def test_an_empty_warehouse_says_how_to_begin(tmp_path: Path) -> None:
    """Nothing was imported: the page says so, and shows no empty tables."""
    found = page(tmp_path, Report(NOW, 1, Yields("")))
    assert "Nothing has been imported yet" in found.text and "hopchain demo" in found.text
    assert not any(tag in ("table", "section") for tag, _ in found.elements)


def test_nothing_certified_yet_is_a_page_too(tmp_path: Path) -> None:
    """Pictures that only landed have a funnel, and no answers."""
    found = page(tmp_path, Report(NOW, 1, Yields("", landed=5), batches=(Yields("b", landed=5),), n_batches=1))
    assert [attrs["id"] for tag, attrs in found.elements if tag == "section"] == ["yields"]


def test_a_page_that_fails_leaves_the_old_one(tmp_path: Path, make_entry: Callable[..., Entry]) -> None:
    """A sample that cannot be drawn stops the page; the last whole page and no scrap remains."""
    page(tmp_path, made("words"))
    before = (tmp_path / "report.html").read_bytes()
    broken = make_entry()
    object.__setattr__(broken.facts, "width", 99)
    with pytest.raises(ValueError, match="its facts say"):
        page(tmp_path, made("other"), broken)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_bytes() == before


def test_figures_are_words_of_people() -> None:
    """Seconds and shares keep the digits that say something."""
    assert [duration(value) for value in (0.0123, 3.21, 42.4, 75, 7300)] == [
        "0.012 s", "3.2 s", "42 s", "1 min 15 s", "2 h 1 min",
    ]  # fmt: skip
    assert [share(1, 3), share(1, 40), share(0, 7), share(7, 7), share(1999, 2000), share(1, 0)] == [
        "33%", "2.5%", "0%", "100%", ">99%", "\u2013",
    ]  # fmt: skip
