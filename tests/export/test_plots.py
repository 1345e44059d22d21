"""The small pictures of counts: valid, readable by ear, and true to the counts."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET

import pytest

from hopchain_assets.export.markdown import escape_markdown
from hopchain_assets.export.plots import (
    as_markdown_image,
    bars_svg,
    funnel_svg,
    funnels_svg,
    shares_svg,
    svg_data_uri,
)
from tests.export.test_contact_sheet import HOSTILE

NAME = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(svg).iter(f"{NAME}text")]


def widths(svg: str) -> list[float]:
    """Lengths of the lying bars, from the first to the last."""
    bars = [node for node in ET.fromstring(svg).iter(f"{NAME}rect") if node.get("class") in ("a", "b", "rest")]
    return [float(node.get("width", "")) for node in bars]


def heights(svg: str) -> list[float]:
    bars = [node for node in ET.fromstring(svg).iter(f"{NAME}rect") if node.get("class") in ("a", "rest")]
    return [float(node.get("height", "")) for node in bars]


def labels(svg: str) -> list[str]:
    """The words below the columns."""
    nodes = ET.fromstring(svg).iter(f"{NAME}text")
    words = [node.text or "" for node in nodes if re.search("middle|end", node.get("class", ""))]
    return [word for word in words if "%" not in word]


def test_each_step_tells_its_count_and_what_is_kept_of_the_one_before() -> None:
    """Bars are as long as their counts; the share is of the step before, not of the first."""
    svg = funnel_svg([("landed", 2000), ("readable", 1000), ("certified", 250)], "Funnel")
    assert [word for word in texts(svg) if word[-1].isdigit() or word.endswith("%")] == [
        "2,000", "1,000", "50%", "250", "25%",
    ]  # fmt: skip
    first, second, third = widths(svg)
    assert second == pytest.approx(first / 2) and third == pytest.approx(first / 8, abs=0.1)


def test_growth_and_nothing_are_told_for_what_they_are() -> None:
    """A step that is larger than the one before has no share; after none there is nothing to compare with."""
    svg = funnel_svg([("pictures", 10), ("questions", 25), ("kept", 0), ("more", 3)], "Funnel")
    assert [word for word in texts(svg) if not word[0].isalpha()] == ["10", "25", "\u00d72.5", "0", "0%", "3", "\u2013"]
    assert widths(svg)[2] == 0 < widths(svg)[3]


def test_a_share_is_never_rounded_to_all_or_none() -> None:
    """Of 100,000 one is lost, one is kept: neither is called 100% or 0%."""
    assert ">99%" in texts(funnel_svg([("a", 100_000), ("b", 99_999)], "Funnel"))
    assert "<0.1%" in texts(funnel_svg([("a", 100_000), ("b", 1)], "Funnel"))


def test_two_units_have_a_scale_each() -> None:
    """Questions are more than pictures, and make their bars no shorter."""
    svg = funnels_svg([("pictures", [("landed", 10)]), ("questions", [("proposed", 80), ("certified", 40)])], "Both")
    pictures, proposed, certified = widths(svg)
    assert pictures == proposed == pytest.approx(2 * certified)
    assert {"PICTURES", "QUESTIONS"} <= set(texts(svg))


def test_answers_stand_in_the_order_of_their_numbers() -> None:
    """10 comes after 9 and -3 before 0; what is no number comes last."""
    rows = [("10", 5), ("9", 1), ("-3", 2), ("none", 1), ("2.5", 1), ("0", 1), ("nan", 1)]
    assert labels(bars_svg(rows, "Answers")) == ["-3", "0", "2.5", "9", "10", "nan", "none"]


def test_rare_answers_are_summed_in_one_column() -> None:
    """At most so many columns; the last one holds the rest, says its share, and does not flatten the others."""
    rows = [(str(number), 100 - number) for number in range(90)]
    svg = bars_svg(rows, "Answers", most=25)
    assert labels(svg) == [*map(str, range(24)), "other"]
    shares = [word for word in texts(svg) if word.endswith("%")]
    rest = sum(100 - number for number in range(24, 90)) / sum(count for _, count in rows)
    assert shares[-1] == f"{100 * rest:.0f}%"
    assert heights(svg)[0] > 0.5 * heights(svg)[-1]


def test_the_axis_holds_the_highest_column() -> None:
    """The share that is read off the axis is the column's share."""
    svg = bars_svg([("1", 30), ("2", 70)], "Answers")
    levels = [float(node.get("y1", "")) for node in ET.fromstring(svg).iter(f"{NAME}line")]
    shares = [float(word.rstrip("%")) for word in texts(svg) if word.endswith("%")]
    per_percent = (levels[0] - levels[-1]) / (shares[-1] - shares[0])
    assert heights(svg) == pytest.approx([30 * per_percent, 70 * per_percent], abs=0.1)
    assert shares[-1] >= 70


def test_parts_of_a_whole_begin_with_the_largest() -> None:
    """Counts and shares of rules; the smallest are summed."""
    svg = shares_svg([("b", 1), ("a", 6), ("c", 2), ("d", 1)], "Rules", most=3, note="10 questions")
    assert texts(svg) == ["Rules", "10 questions", "a", "6", "60%", "c", "2", "20%", "other", "2", "20%"]


@pytest.mark.parametrize("draw", [bars_svg, shares_svg])
def test_nothing_to_count_is_a_picture_too(draw: type) -> None:
    """An empty warehouse has a distribution that says so."""
    assert "nothing yet" in texts(draw([], "Nothing"))
    assert "nothing yet" in texts(draw([("7", 0)], "Nothing"))
    assert ET.fromstring(funnel_svg([("landed", 0), ("certified", 0)], "Nothing")).tag == f"{NAME}svg"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text(text: str) -> None:
    """Names from outside add no element, and the picture stays XML that loads nothing."""
    rows = [(text, 3), (text + "!", 1)]
    for svg in (funnels_svg([(text, rows)], text), bars_svg(rows, text, note=text), shares_svg(rows, text, note=text)):
        root = ET.fromstring(svg)
        tags = {node.tag.removeprefix(NAME) for node in root.iter()}
        assert tags <= {"svg", "title", "desc", "style", "rect", "line", "polygon", "text"}
        assert not any(name.startswith("on") or "href" in name for node in root.iter() for name in node.attrib)
        assert "url(" not in (root.findtext(f"{NAME}style") or "") and "@import" not in svg


def test_a_picture_is_small_and_can_be_heard() -> None:
    """Under 20 KB at its largest, with a title and all figures in its description."""
    rows = [(f"{number}", 1_000_000 + number) for number in range(300)]
    svg = bars_svg(rows, "How often", note="x" * 500)
    root = ET.fromstring(svg)
    assert len(svg.encode()) < 20_000
    assert root.get("role") == "img" and root.get("aria-labelledby") == "t d"
    assert root.findtext(f"{NAME}title") == "How often"
    assert "299 1,000,299" in (root.findtext(f"{NAME}desc") or "")


def test_long_words_stay_inside() -> None:
    """A name is cut before it reaches the bars, wide letters earlier."""
    latin, wide = (next(word for word in texts(funnel_svg([(c * 60, 1)], "F")) if c in word) for c in ("x", "\u6f22"))
    assert latin.endswith("…") and wide.endswith("…") and len(wide) < len(latin) < 25


def test_markdown_holds_the_whole_picture() -> None:
    """What Dagster's metadata shows is the same picture, in the text itself; the words beside it are escaped."""
    svg = funnel_svg([("landed", 3)], "Funnel")
    markdown = as_markdown_image(svg, "a ](http://evil.example) b")
    found = re.fullmatch(r"!\[(.*)\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", markdown)
    assert found and base64.b64decode(found[2]).decode() == svg
    assert found[1] == escape_markdown("a ](http://evil.example) b")
    assert svg_data_uri(svg).endswith(found[2])
