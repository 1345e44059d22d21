"""The page and the Markdown show hostile text as text, and load nothing from outside."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from hopchain_assets.export.contact_sheet import Entry, write_contact_sheet
from hopchain_assets.export.markdown import chain_markdown, escape_markdown, table_markdown

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](http://evil.example/a.png)",
    "[click](javascript:alert(1))",
    "a | b || c",
    "`code` ```fence```",
    "# heading",
    "- item",
    "1. item",
    "> quote",
    "first\n\n# second\n---\n| x |\n",
    "\"quotes\" 'single' &lt;b&gt; &#60;",
    "</p></details></style><style>*{display:none}</style>",
    "**bold** _it_ ~~gone~~ $x$ [^1]",
    "see http://evil.example and www.evil.example or me@evil.example",
    "<http://evil.example>",
    "left\u202eright \ud800 \x00 end\\",
    "[x]: http://evil.example",
]
VOID = {"meta", "img"}


class Page(HTMLParser):
    """The elements of a page with their attributes, its text, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in VOID or self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def written(path: Path, entries: list[Entry], title: str = "Questions") -> str:
    write_contact_sheet(path / "sheet.html", entries, [("pictures", "1")], title)
    return (path / "sheet.html").read_text(encoding="utf-8")


def seen(text: str) -> str:
    """The text as it should reach a reader: one line, without characters that cannot be seen."""
    return " ".join(text.replace("\u202e", "").replace("\ud800", "").replace("\x00", " ").split())


def test_every_question_answer_and_figure_is_on_the_page(tmp_path: Path, make_entry: Callable[..., Entry]) -> None:
    """Each entry has one card with its question, its hops in words and its answer behind a fold."""
    questions = [f"How many cups, number {number}?" for number in range(3)]
    page = Page(written(tmp_path, [make_entry(question) for question in questions]))
    assert all(question in page.text for question in questions)
    assert sum(tag == "article" for tag, _ in page.elements) == 3
    assert sum(tag == "details" and "open" not in attrs for tag, attrs in page.elements) == 3
    assert "the chair (bottom)" in page.text
    assert page.text.index("Show the answer") < page.text.index("Find the first.")
    assert not page.open


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_inert_on_the_page(tmp_path: Path, make_entry: Callable[..., Entry], text: str) -> None:
    """Questions, categories, names and credits add no element and no attribute to the page."""
    fields = ("licence", "author", "split", "name", "note", "hop_text")
    plain = Page(written(tmp_path, [make_entry("plain", **dict.fromkeys(fields, "plain"))], "plain"))
    category = re.sub(r"[^ -~]", " ", text)
    hostile = Page(written(tmp_path, [make_entry(text, category, **dict.fromkeys(fields, text))], text))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    assert [list(attrs) for _, attrs in hostile.elements] == [list(attrs) for _, attrs in plain.elements]
    assert seen(text) in hostile.text


def test_the_page_loads_nothing_from_outside(tmp_path: Path, make_entry: Callable[..., Entry]) -> None:
    """Pictures are data URIs; the policy allows them and the one style sheet, by its hash; there is no script."""
    page = Page(text := written(tmp_path, [make_entry(source_page="https://example.org/a?b=1&c=2")]))
    for tag, attrs in page.elements:
        assert tag not in {"script", "link", "iframe", "object", "base", "form"}
        assert not {"style", "srcset", "background"} & set(attrs)
        assert not any(name.startswith("on") for name in attrs)
        assert (attrs.get("src") or "data:image/").startswith("data:image/")
        assert tag == "a" or "href" not in attrs
    sheet = text.split("<style>", 1)[1].split("</style>", 1)[0]
    assert "url(" not in sheet
    assert "@import" not in sheet
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = next(attrs["content"] for _, attrs in page.elements if attrs.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert f"style-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize(
    ("address", "linked"),
    [
        ("https://example.org/p?a=1&b=2", True),
        ("http://example.org/", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        (" javascript:alert(1)", False),
        ("//example.org", False),
        ("https://", False),
        ("http://[", False),
        ('https://example.org/" onclick="x', True),
    ],
)
def test_only_web_addresses_become_links(
    tmp_path: Path, make_entry: Callable[..., Entry], address: str, linked: bool
) -> None:
    """The source is a link when it is http or https, and then exactly that address."""
    page = Page(written(tmp_path, [make_entry(source_page=address)]))
    links = [attrs for tag, attrs in page.elements if tag == "a"]
    assert [attrs["href"] for attrs in links] == ([address] if linked else [])
    assert all(set(attrs) == {"href", "rel"} for attrs in links)


def test_a_page_that_fails_leaves_the_old_one(tmp_path: Path, make_entry: Callable[..., Entry]) -> None:
    """An entry that cannot be drawn stops the page; the last whole page and no scrap remains."""
    before = written(tmp_path, [make_entry()])
    broken = make_entry()
    object.__setattr__(broken.facts, "width", 99)
    with pytest.raises(ValueError, match="its facts say"):
        written(tmp_path, [make_entry(), broken])
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.html"]
    assert (tmp_path / "sheet.html").read_text(encoding="utf-8") == before


def test_an_empty_page_says_so(tmp_path: Path) -> None:
    """No questions is a page too."""
    assert "No questions yet." in Page(written(tmp_path, [])).text


def rendered(markdown: str) -> str:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown)


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_markdown_is_one_paragraph_of_text(text: str) -> None:
    """A real Markdown parser, with HTML allowed, makes plain text of it: the text that was given."""
    page = Page(rendered(escape_markdown(text)))
    assert [tag for tag, _ in page.elements] == ["p"]
    assert page.text.strip().replace("\u2060", "") == seen(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_address_is_left_for_a_second_pass(text: str) -> None:
    """GitHub's Markdown searches the finished text for addresses; it finds none."""
    shown = Page(rendered(escape_markdown(text))).text
    assert not re.search(r"(https?://|www(?=\.))[-.\w]+|[-.\w+]+@[-\w]+(\.[-\w]+)+", shown, re.IGNORECASE | re.ASCII)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_in_its_cell(text: str) -> None:
    """A table keeps its rows and columns whatever its values and its column names are."""
    page = Page(rendered(table_markdown([{"a": text, text: 1}, {"a": None}], ("a", text))))
    tags = [tag for tag, _ in page.elements]
    assert (tags.count("tr"), tags.count("th"), tags.count("td")) == (3, 2, 4)
    assert set(tags) == {"table", "thead", "tbody", "tr", "th", "td"}


def test_table_values_are_shortened() -> None:
    """Long texts are cut, bytes are counted, figures are rounded."""
    table = table_markdown([{"a": "x" * 5000, "b": b"123", "c": 1 / 3}], ("a", "b", "c"))
    assert len(table) < 300
    assert "…" in table
    assert "3 bytes" in table
    assert "0.3333" in table


@pytest.mark.parametrize("text", HOSTILE)
def test_a_chain_in_markdown_has_one_picture_and_its_hops(make_entry: Callable[..., Entry], text: str) -> None:
    """The only picture is the chain's own; no text adds an element to the page."""
    markdown = chain_markdown(make_entry(text, licence=text, hop_text=text))
    page = Page(rendered(markdown))
    tags = [tag for tag, _ in page.elements]
    assert [(attrs.get("src") or "")[:22] for tag, attrs in page.elements if tag == "img"] == ["data:image/jpeg;base64"]
    assert tags.count("tr") == 4
    assert set(tags) == {"p", "img", "strong", "table", "thead", "tbody", "tr", "th", "td"}
    assert "Answer: 7" in page.text
    assert len(markdown) < 100_000
