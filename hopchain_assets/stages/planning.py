"""What a run would do: told before anything is asked or paid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from hopchain_assets.stages.facts import GROUND_TRUTH
from hopchain_assets.stages.line import STAGES, Line
from hopchain_assets.warehouse.done import pending

# stages that ask about plain pictures, and the purpose of their one question
ONE_QUESTION: Mapping[str, str] = {"image_ratings": "rate", "categories": "name"}
WRITING = "hop_chains"
# the rule of `one_ask.annotated`, where the annotations lie: they may be megabytes a picture
_ANNOTATED = """
    SELECT content_sha256 FROM batch_members
    WHERE list_contains(?, json_extract_string(annotations, '$.source'))
        OR json_array_length(annotations, '$.marks') > 0
"""


@dataclass(frozen=True, slots=True)
class Planned:
    """What is due of a stage: inputs never done, done with other settings, prompts or code, done from another input.

    `asked` are pictures that models are asked about, those counted in whose turn comes because an earlier stage is
    due. Some of them may leave the line before.
    """

    stage: str
    new: int
    other_version: int
    other_input: int
    gone: int
    asked: int

    @property
    def due(self) -> int:
        """Inputs to do."""
        return self.new + self.other_version + self.other_input


def plan(line: Line) -> list[Planned]:
    """The stages in order. What follows from new results of an earlier stage is known when that is done."""
    found: list[Planned] = []
    carried: set[str] = set()
    with line.lake.reading() as connection:
        annotated = {name for (name,) in connection.execute(_ANNOTATED, [sorted(GROUND_TRUTH)]).fetchall()}
        for name, stage in line.stages().items():
            owed = pending(connection, name, stage.version, stage.inputs(connection)).values()
            due = {one for batch in owed for one in batch.to_do}
            versions = _versions(connection, name)
            again = due & versions.keys()
            changed = {one for one in again if versions[one] != stage.version}
            if name in STAGES[: STAGES.index(WRITING) + 1]:
                carried |= due
            found.append(
                Planned(
                    stage=name,
                    new=len(due - again),
                    other_version=len(changed),
                    other_input=len(again - changed),
                    gone=sum(len(batch.gone) for batch in owed),
                    asked=_asked(line, name, carried, annotated),
                )
            )
    return found


def _asked(line: Line, stage: str, carried: set[str], annotated: set[str]) -> int:
    if line.models.vlm is None:
        return 0
    if stage in ONE_QUESTION:
        return len(carried - annotated)
    if stage != WRITING or line.models.binder is None:
        return 0
    # without a segmenter plain pictures have no masks, and nothing can be written about them
    return len(carried if line.sight.segmenter else carried & annotated)


def _versions(connection: duckdb.DuckDBPyConnection, stage: str) -> dict[str, str]:
    rows = connection.execute("SELECT input_id, stage_version FROM stage_done WHERE stage = ?", [stage]).fetchall()
    return dict(rows)
