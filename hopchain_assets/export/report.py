"""`hopchain report`: one HTML page of yields, samples, rejects, what waits and checks. It loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hopchain_assets.export.cards import card
from hopchain_assets.export.page import END, figures, head, text, written
from hopchain_assets.export.plots import bars_svg, funnels_svg, shares_svg, svg_data_uri
from hopchain_assets.export.report_data import CheckRow, Group, Report, Yields
from hopchain_assets.export.report_losses import rejects
from hopchain_assets.export.report_tables import Bar, Cell, Mark, counted, duration, number, share, table
from hopchain_assets.export.words import QUERY_TYPE_WORDS, Entry

_TITLE = "What hopchain made"
_SHEETS = ("contact_sheet.css", "report.css")
_SAMPLE_SIDE = 640


def write_report(path: Path, report: Report, samples: Sequence[Entry]) -> None:
    """Writes the page; the file is renamed into place when it is whole.

    Raises:
        ValueError: when a sample's picture does not fit its facts.
        OSError: when the page cannot be written.
    """
    sections = _sections(report, samples)
    with written(path) as out:
        out.write(head(_TITLE, _SHEETS))
        out.write(f"<body>\n<header><h1>{_TITLE}</h1>{_when(report)}{_state(report)}")
        if report.total.landed:
            out.write(figures(_figures(report)))
            links = "".join(f'<a href="#{name}">{title}</a>' for name, title, body in sections if body)
            out.write(f'<nav aria-label="On this page">{links}</nav>')
        else:
            out.write(
                '<p class="panel empty">Nothing has been imported yet. Begin with <code>hopchain demo</code>, '
                "or with <code>hopchain import-coco</code> and <code>hopchain run</code> on your own pictures.</p>"
            )
        out.write("</header>\n<main>\n")
        for name, title, body in sections:
            if body:
                out.write(f'<section id="{name}"><h2>{title}</h2>\n{body}</section>\n')
        out.write(END)


def _sections(report: Report, samples: Sequence[Entry]) -> list[tuple[str, str, str]]:
    """(name, title, body) of each section; those without a body are left out."""
    there = bool(report.total.landed)
    return [
        ("yields", "From picture to shard", _yields(report) if there else ""),
        ("answers", "Answers and mix", _answers(report)),
        ("samples", "Questions to try", _samples(report, samples)),
        ("rejects", "Rejected, by rule", rejects(report)),
        ("waiting", "What waits, and for what", _waiting(report)),
        ("aside", "Set aside and failed", _aside(report)),
        ("checks", "Checks", _checks(report)),
        ("seconds", "Seconds by stage", _seconds(report)),
    ]


def _when(report: Report) -> str:
    return f"<p>{report.written_at:%Y-%m-%d %H:%M} UTC, snapshot {number(report.snapshot)} of the warehouse.</p>"


def _state(report: Report) -> str:
    """What to worry about, in a few words each."""
    failing = sum(not check.passed for check in report.checks)
    parked = sum(one.what == "parked" for one in report.troubles)
    failed = sum(one.count for one in report.troubles if one.what == "failed")
    owed = sum(count for _, count in report.pending)
    chips: list[tuple[str, str]] = []
    if report.checks:
        all_well = f"all {_many(len(report.checks), 'check')} pass"
        chips.append(
            ("bad", f"{failing} of {_many(len(report.checks), 'check')} fail") if failing else ("good", all_well)
        )
    chips += [("bad", f"{_many(parked, 'batch', 'batches')} parked")] if parked else []
    chips += [("bad", f"{_many(failed, 'input')} failed")] if failed else []
    chips += [("wait", f"{_many(owed, 'input')} pending")] if owed else []
    if report.total.landed and not owed:
        chips.append(("good", "nothing is pending"))
    items = "".join(f'<li class="{look}">{text(words)}</li>' for look, words in chips)
    return f'<ul class="badges">{items}</ul>'


def _many(count: int, one: str, many: str = "") -> str:
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def _figures(report: Report) -> list[tuple[str, str]]:
    whole = report.total
    rows = [("pictures", whole.usable), ("questions certified", whole.certified), ("verified", whole.verified)]
    rows += [(f"in the {split} shards", count) for split, count in report.splits]
    rows += [("wait for people", sum(group.count for group in report.waiting))] if report.waiting else []
    return [(name, number(count)) for name, count in rows]


def _yields(report: Report) -> str:
    whole = report.total
    funnel = funnels_svg(
        [("pictures", whole.pictures()), ("questions", whole.questions())], "What is kept, step by step"
    )
    steps = [name for name, _ in (*whole.pictures(), *whole.questions())]
    rows = [_yield_row(f"all {number(report.n_batches)} batches", whole)] if report.n_batches > 1 else []
    rows += [_yield_row(one.batch, one) for one in report.batches]
    shown = len(report.batches)
    caption = f"By batch, the latest {shown} of {number(report.n_batches)}" if shown < report.n_batches else "By batch"
    by_batch = table(caption, ("batch", *steps), rows, right=steps, whole=report.n_batches > 1)
    told = "Pictures and questions are counted apart: one picture gives several questions."
    if whole.with_questions:
        told += f" A picture with questions has {whole.certified / whole.with_questions:.1f} that are certified."
    lost = [(loss.rule, loss.count) for loss in report.losses]
    losses = (
        shares_svg(lost, "What is rejected, by rule", note=f"{_many(sum(n for _, n in lost), 'question')}")
        if lost
        else ""
    )
    plots = _plot(funnel, "The yield funnel") + (_plot(losses, "Rejected questions by rule") if losses else "")
    return f'<p class="soft">{told}</p><div class="pair">{plots}</div>\n{by_batch}'


def _yield_row(name: str, one: Yields) -> list[str]:
    return [name, *(number(count) for _, count in (*one.pictures(), *one.questions()))]


def _plot(svg: str, words: str) -> str:
    return f'<img class="plot" src="{svg_data_uri(svg)}" alt="{text(words)}">'


def _answers(report: Report) -> str:
    total = sum(count for _, count in report.answers)
    if not total:
        return ""
    best, most = max(report.answers, key=lambda row: row[1])
    note = f"{_many(total, 'question')}, {_many(len(report.answers), 'different answer')}"
    plot = bars_svg(report.answers, f"Answers of the {report.answers_of} questions", note=note)
    words = f"Who always says {text(best)}, without looking, is right in {share(most, total)} of them."
    return (
        f'<p class="soft">{words}</p><div class="pair"><div class="stack">'
        f"{_plot(plot, f'How often each answer occurs: {note}')}{_mix(report, 'hops')}</div>"
        f'<div class="stack">{_mix(report, "form")}{_mix(report, "type")}</div></div>'
    )


def _mix(report: Report, what: str) -> str:
    rows = report.mix.get(what, ())
    if what == "type":
        rows = [(f"{name}: {QUERY_TYPE_WORDS.get(name, '')}", count) for name, count in rows]
    elif what == "form":
        rows = sorted(rows, key=lambda row: -row[1])
    return counted(_MIX_CAPTIONS[what], what, rows) if rows else ""


_MIX_CAPTIONS = {
    "hops": "Hops of a question",
    "type": "Kind of question",
    "form": "Form that a question was composed by",
}


def _samples(report: Report, samples: Sequence[Entry]) -> str:
    cards = "".join(card(place, entry, report.margins, _SAMPLE_SIDE) for place, entry in enumerate(samples, start=1))
    told = (
        "Each answer is one number. Behind the fold: the hops, and how close each choice came to turning out otherwise."
    )
    return f'<p class="soft">{told}</p>{cards}' if cards else ""


def _waiting(report: Report) -> str:
    parts: list[str] = []
    if report.pending:
        rows = [[stage, number(count)] for stage, count in report.pending]
        parts.append('<p class="soft">What is pending is done by <code>hopchain run</code>, or by the sensors.</p>')
        parts.append(table("Pending, by stage", ("stage", "inputs"), rows, ("inputs",)))
    if report.waiting:
        rows = [[group.name, group.words, number(group.count)] for group in report.waiting]
        columns = ("reason", "what is missing", "questions")
        parts.append('<p class="soft"><code>hopchain audit</code> asks people, first what helps most.</p>')
        parts.append(table("Certified questions that wait", columns, rows, ("questions",), ("what is missing",)))
    return "\n".join(parts)


def _aside(report: Report) -> str:
    parts: list[str] = []
    if report.troubles:
        rows = [[Mark(one.what, "bad"), one.where, one.why, number(one.count)] for one in report.troubles]
        parts.append('<p class="soft"><code>hopchain retry</code> takes up again what failed or was parked.</p>')
        parts.append(table("Failed and parked", ("state", "where", "why", "inputs"), rows, ("inputs",), ("why",)))
    parts += _reasons("Files in quarantine", "files", report.set_aside)
    parts += _reasons("Pictures with too little to ask about", "pictures", report.rated_out)
    parts += _reasons("Annotations that could not be used", "annotations", report.bad_marks)
    return "\n".join(parts)


def _reasons(caption: str, what: str, groups: Sequence[Group]) -> list[str]:
    rows = [[group.name, group.words, number(group.count)] for group in groups]
    return [table(caption, ("reason", "for instance", what), rows, (what,), ("for instance",))] if rows else []


def _checks(report: Report) -> str:
    parts: list[str] = []
    columns = ("table", "result", "what must hold")
    broken = [check for check in report.checks if not check.passed]
    if broken:
        rows = [[*_check(check, Mark("fails", "bad")), number(check.failing), check.detail] for check in broken]
        long = ("what must hold", "for instance")
        parts.append(table("What does not hold", (*columns, "rows", "for instance"), rows, ("rows",), long))
    rows = [_check(check, Mark("holds", "good")) for check in report.checks if check.passed]
    parts += [table("What holds over the whole warehouse", columns, rows, long=columns[2:])] if rows else []
    return "\n".join(parts)


def _check(check: CheckRow, mark: Mark) -> list[Cell]:
    # names of tables stand in backticks there
    return [check.table, mark, check.says.replace("`", "")]


def _seconds(report: Report) -> str:
    longest = max((row.seconds for row in report.seconds), default=0.0)
    rows = [
        [
            row.stage, Bar(row.seconds / longest if longest else 0.0), duration(row.seconds), number(row.runs),
            number(row.inputs), number(row.rows), duration(row.seconds / row.inputs) if row.inputs else "",
        ]
        for row in report.seconds
    ]  # fmt: skip
    columns = ("stage", "", "took", "runs", "inputs", "rows", "an input")
    return table("All runs that had something to do", columns, rows, columns[2:]) if rows else ""
