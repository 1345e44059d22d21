"""The lead's pages: how far the work is, who does it, and the questions that people did not agree on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.responses import Response, StreamingResponse

from hopchain_assets.annotate import lead_people, lead_questions, plots
from hopchain_assets.annotate.lead_pages import Lead, lead_page, share, took
from hopchain_assets.annotate.plots import Bar
from hopchain_assets.annotate.sessions import leading, service_of
from hopchain_assets.annotate.sheets import Format, Sheet, chunks, questions_sheet, votes_sheet
from hopchain_assets.annotate.trail_words import sentence
from hopchain_assets.domain.review import DEFECTS
from hopchain_assets.operations.review.figures import Figures, PersonFigures

# an annotator is told of nothing here, whatever else is wrong with what they send
router = APIRouter(prefix="/lead", dependencies=[Depends(leading)])

TRAIL = 200
MOST_DAYS = 30
MOST_PEOPLE = 15
_KINDS: Mapping[Format, str] = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


@router.get("")
def overview(request: Request, person: Lead) -> Response:
    """The work at a glance."""
    book = service_of(request).book
    known = book.figures()
    waiting = book.closed_counts()["people"]
    queue = _queue(known)
    values = {"queue": queue, "queue_bar": plots.stacked("queue-bar", "Questions by state", queue)}
    values |= {"waiting": waiting, "pictures": _pictures(known, book.rules.gold_floor)}
    return lead_page(request, person, "lead", "overview", figures=known, people=book.rules.people, **values)


@router.get("/trail")
def trail(request: Request, person: Lead) -> Response:
    """What happened last."""
    rows = [(one, sentence(one)) for one in service_of(request).book.trail(TRAIL)]
    return lead_page(request, person, "lead_trail", "trail", rows=rows, most=TRAIL)


def sheet_form(form: str) -> Format:
    """The form of a sheet out of the address.

    Raises:
        HTTPException: 404 for one that there is not.
    """
    known: Format | None = next((one for one in _KINDS if one == form), None)
    if known is None:
        raise HTTPException(404)
    return known


SheetForm = Annotated[Format, Depends(sheet_form)]


@router.get("/votes.{form}")
def votes(request: Request, person: Lead, form: SheetForm) -> Response:
    """All votes on closed questions as a sheet."""
    del person
    return _sent(votes_sheet(service_of(request).book, form), f"votes.{form}", form)


@router.get("/questions.{form}")
def questions(request: Request, person: Lead, form: SheetForm) -> Response:
    """All closed questions as a sheet."""
    del person
    return _sent(questions_sheet(service_of(request).book, form), f"questions.{form}", form)


router.include_router(lead_people.router)
router.include_router(lead_questions.router)


def _sent(sheet: Sheet, name: str, form: Format) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(chunks(sheet), media_type=_KINDS[form], headers=headers)


def _queue(known: Figures) -> list[tuple[str, str, int]]:
    """(class of its colour, words, count) of all questions, in the order in which they get there."""
    begun = {many: count for many, count in known.begun.items() if many}
    names = {many: f"Open, {many} {'vote' if many == 1 else 'votes'}" for many in begun}
    states = known.states
    return [
        ("open", "Open, no votes yet", known.begun.get(0, 0)),
        *(("begun", names[many], count) for many, count in begun.items()),
        ("unanimous", "Unanimous", states.get("unanimous", 0)),
        ("disagreed", "People disagree", states.get("disagreed", 0)),
        ("defect", "Defect reported", states.get("defect", 0)),
        ("withdrawn", "Withdrawn", states.get("withdrawn", 0)),
    ]


def _pictures(known: Figures, floor: float) -> list[dict[str, Any]]:
    """The plots, each with its title, heads of its table and rows of it."""
    annotators = [one for one in known.people if one.role == "annotator"]
    days = _all_days(known.by_day)
    measured = sorted((one for one in annotators if one.gold_of), key=lambda one: one.gold_right / one.gold_of)
    timed = sorted((one for one in annotators if one.seconds is not None), key=lambda one: -one.answered)
    reasons = [(DEFECTS.get(reason, reason), count) for reason, count in known.defects.items()]
    gold = [_gold(one) for one in measured]
    pace = [Bar(one.name, one.seconds or 0.0, took(one.seconds)) for one in timed]
    return [
        {
            "title": "Votes by day",
            "note": f"The last {MOST_DAYS} days (UTC)." if len(days) > MOST_DAYS else "By date (UTC).",
            "svg": plots.columns("days", "Votes by day", [(day[5:], count) for day, count in days[-MOST_DAYS:]]),
            "head": ("Day", "Votes"),
            "rows": days,
        },
        {
            "title": "Known answers right",
            "note": _first(gold, "Those with the fewest") + "The line is the 95% interval.",
            "svg": plots.intervals("gold", "Known answers right", gold[:MOST_PEOPLE], floor),
            "head": ("Person", "Right", "95% interval"),
            "rows": [(one.name, bar.told, share(one.gold_interval)) for one, bar in zip(measured, gold, strict=True)],
        },
        {
            "title": "Median time of an answer",
            "note": _first(pace, "Those who answered most") + "Very short ones are worth a look.",
            "svg": plots.bars("pace", "Median time of an answer", pace[:MOST_PEOPLE]),
            "head": ("Person", "Median time"),
            "rows": [(bar.name, bar.told) for bar in pace],
        },
        {
            "title": "Defects by reason",
            "note": "What people reported instead of a number.",
            "svg": plots.bars("defects", "Defects by reason", [Bar(name, n, str(n)) for name, n in reasons]),
            "head": ("Reason", "Votes"),
            "rows": reasons,
        },
    ]


def _gold(one: PersonFigures) -> Bar:
    told = f"{one.gold_right} of {one.gold_of}"
    return Bar(one.name, one.gold_right / one.gold_of, told, *one.gold_interval)


def _first(rows: Sequence[Bar], which: str) -> str:
    return f"{which}, {MOST_PEOPLE} of {len(rows)}. " if len(rows) > MOST_PEOPLE else ""


def _all_days(by_day: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Days without a vote count 0; a year of them at most."""
    if not by_day:
        return []
    counts = dict(by_day)
    last = date.fromisoformat(by_day[-1][0])
    first = max(date.fromisoformat(by_day[0][0]), last - timedelta(days=365))
    days = [str(first + timedelta(days=number)) for number in range((last - first).days + 1)]
    return [(day, counts.get(day, 0)) for day in days]
