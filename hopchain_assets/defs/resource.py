"""The resource `line`: what the assets run, and who watches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hopchain_assets.operations.budget import Budget
from hopchain_assets.settings import Settings
from hopchain_assets.stages.engine import StageReport
from hopchain_assets.stages.line import Line

Watch = Callable[[str, str, int, int], None]


@dataclass(slots=True)
class LineResource:
    """The line of these settings. `watch` is told stage, batch, pictures done and in all; `reports` collects."""

    settings: Settings
    watch: Watch | None = None
    reports: list[StageReport] = field(default_factory=list)
    # one for all that the process runs
    _budget: Budget | None = None

    @property
    def line(self) -> Line:
        """The stages and their warehouse. Opens nothing."""
        return self.settings.line()

    def run(self, stage: str, batches: Sequence[str], run: str) -> list[StageReport]:
        """Does what is pending of a stage in these batches, for this run; the reports are in their order."""

        def tell(batch: str, done: int, of: int) -> None:
            if self.watch:
                self.watch(stage, batch, done, of)

        self._budget = self._budget or self.settings.budget()
        reports = self.settings.line(run, self._budget).run(stage, batches, tell)
        self.reports += reports
        place = {batch: number for number, batch in enumerate(batches)}
        return sorted(reports, key=lambda report: place[report.batch])
