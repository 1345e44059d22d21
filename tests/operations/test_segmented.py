"""What a segmenter found is kept, and asked for once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from hopchain_assets.operations.database import Database
from hopchain_assets.operations.segmented import KEYS_AT_ONCE, SegmentedOnce
from hopchain_assets.operations.tables import metadata, segmentations
from hopchain_assets.ports.segmenter import Found, Grounding, Segmented, SegmenterUnavailable, ToSegment


class Finder:
    """Finds one mask for each name, a picture at a time; `broken` pictures fail, and after `until` it is killed."""

    def __init__(self, version: str = "1", broken: Sequence[str] = (), until: int = 10**9) -> None:
        self.name, self.version = "finder", version
        self.broken, self.until = broken, until
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def segment(self, pictures: Sequence[ToSegment]) -> Iterator[Segmented]:
        for one in pictures:
            if len(self.asked) == self.until:
                raise KeyboardInterrupt
            self.asked.append((one.image_id, one.categories))
            one.read()
            if one.image_id in self.broken:
                yield Segmented(one.image_id, error="it is broken")
            else:
                yield Segmented(one.image_id, tuple(told(name) for name in one.categories))


def told(name: str) -> Grounding:
    return Grounding(name, 0.75, (Found(f"mask of {name}", 0.5), Found("another", 0.125)))


def picture(name: str, *categories: str) -> ToSegment:
    return ToSegment(name, categories, lambda: b"")


def found(finder: Finder, url: str, *pictures: ToSegment) -> dict[str, Segmented]:
    return {one.image_id: one for one in SegmentedOnce(finder, url).segment(pictures)}


def test_what_was_found_is_not_asked_again(url: str) -> None:
    """The second segmenter of the same version is asked nothing, and the answer is the same."""
    pictures = [picture("a", "dog", "cat"), picture("b", "dog")]
    first = found(Finder(), url, *pictures)
    again = Finder()
    assert found(again, url, *pictures) == first
    assert first["a"].groundings == (told("dog"), told("cat"))
    assert again.asked == []


def test_a_new_name_asks_for_itself_alone(url: str) -> None:
    """The names come in the order in which they were asked for, whenever each was found."""
    found(Finder(), url, picture("a", "dog", "cat"))
    later = Finder()
    assert found(later, url, picture("a", "bird", "cat", "dog"))["a"].groundings == (
        told("bird"),
        told("cat"),
        told("dog"),
    )
    assert later.asked == [("a", ("bird",))]


def test_another_segmenter_is_asked_anew(url: str) -> None:
    """Other weights, other masks."""
    found(Finder("1"), url, picture("a", "dog"))
    other = Finder("2")
    found(other, url, picture("a", "dog"))
    assert other.asked == [("a", ("dog",))]


def test_a_killed_run_goes_on_with_the_next_picture(url: str) -> None:
    """What was told before the kill is kept."""
    pictures = [picture(name, "dog") for name in "abc"]
    with pytest.raises(KeyboardInterrupt):
        found(Finder(until=2), url, *pictures)
    rest = Finder()
    assert set(found(rest, url, *pictures)) == set("abc")
    assert rest.asked == [("c", ("dog",))]


def test_a_failed_picture_is_told_and_not_kept(url: str) -> None:
    """The others are; next time it is tried again."""
    pictures = [picture("a", "dog"), picture("b", "dog")]
    assert found(Finder(broken=["a"]), url, *pictures)["a"].error == "it is broken"
    again = Finder()
    assert found(again, url, *pictures)["a"].groundings == (told("dog"),)
    assert again.asked == [("a", ("dog",))]


def test_more_names_than_a_database_takes_at_once(url: str) -> None:
    """Keys are looked up in portions."""
    pictures = [picture(str(number), *(f"name {k}" for k in range(7))) for number in range(KEYS_AT_ONCE // 5)]
    found(Finder(), url, *pictures)
    again = Finder()
    assert len(found(again, url, *pictures)) == len(pictures) and again.asked == []


def test_a_database_that_cannot_be_written_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    """What cannot be kept is not asked for."""
    (tmp_path / "a file").write_text("")
    finder = Finder()
    with pytest.raises(SegmenterUnavailable, match="cannot be made"):
        found(finder, f"sqlite:///{tmp_path / 'a file' / 'operations.sqlite'}", picture("a", "dog"))
    assert finder.asked == []


def test_a_database_of_before_gets_the_table(url: str) -> None:
    """The ledger of an earlier release is brought up to date, and keeps its calls."""
    database = Database(url)
    database.migrate(())
    with database.connected() as connection, connection.begin():
        assert connection.execute(sa.text("SELECT max(number) FROM operations_schema")).scalar() == 1
        segmentations.drop(connection)
    assert found(Finder(), url, picture("a", "dog"))["a"].groundings == (told("dog"),)
    with database.connected(reading=True) as connection:
        assert sa.inspect(connection).has_table("calls") and metadata.tables.keys() >= {"segmentations"}
