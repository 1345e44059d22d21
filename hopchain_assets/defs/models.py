"""The SQL models as assets with the tests of their headers; set-wide checks on the assets that write the tables."""

# Dagster reads the annotation of `context` as it stands: postponed annotations would be texts to it.
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import dagster as dg

from hopchain_assets.defs.assets import GIVEN, OWNERS
from hopchain_assets.defs.metadata import Metadata
from hopchain_assets.defs.resource import LineResource
from hopchain_assets.export.markdown import table_markdown
from hopchain_assets.stages.line import STAGES, Line
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.model_files import MODELS_FOLDER, Model, SetCheck, read_checks, read_models
from hopchain_assets.warehouse.model_header import ModelError, failed
from hopchain_assets.warehouse.models import (
    Built,
    CheckResult,
    TestResult,
    build_models,
    run_checks,
    run_tests,
    sample_of,
)

T = TypeVar("T")

GROUP = "models"
SET_CHECKS = "set_wide_checks"
# tables that every stage writes to
_BY_ALL = ("stage_done", "stage_runs")
Pictures = Callable[[Lake], Mapping[str, dg.MetadataValue]]
Writers = Mapping[str, tuple[str, ...]]


def sql_definitions(
    line: Line, pictures: Mapping[str, Pictures] | None = None
) -> tuple[list[dg.AssetsDefinition], list[dg.AssetChecksDefinition]]:
    """The project's models and set-wide checks; none where their folder is not there (it is not part of a wheel).

    Where a file cannot be used, one asset in their place says which: the line goes on without them.
    """
    if not MODELS_FOLDER.is_dir():
        return [], []
    writers = table_writers(line)
    try:
        return model_assets(read_models(), writers, pictures), set_checks(read_checks(), writers)
    except ModelError as error:
        return [_unusable(str(error))], []


def _unusable(why: str) -> dg.AssetsDefinition:
    @dg.asset(name="sql_models", group_name=GROUP, kinds={"sql"}, owners=OWNERS, description=f"Cannot be built: {why}")
    def sql_models() -> None:
        raise dg.Failure(why, allow_retries=False)

    return sql_models


def table_writers(line: Line) -> Writers:
    """The assets that write each table; tables that no asset writes are not in it."""
    writers: dict[str, tuple[str, ...]] = dict.fromkeys(_BY_ALL, STAGES)
    for spec in GIVEN:
        writers[spec.key.to_user_string()] = (spec.key.to_user_string(),)
    for name, stage in line.stages().items():
        writers |= dict.fromkeys(stage.tables.keys, (name,))
    return writers


def model_assets(
    models: Sequence[Model], writers: Writers, pictures: Mapping[str, Pictures] | None = None
) -> list[dg.AssetsDefinition]:
    """An asset for each model. It builds what is out of date of this model alone, then runs its tests.

    Args:
        models: as `read_models` gives them.
        writers: as `table_writers` gives them.
        pictures: more metadata by model, made of the warehouse after building.

    Raises:
        ModelError: when a model is named like an asset of the line.
    """
    taken = {asset for assets in writers.values() for asset in assets}
    for model in models:
        if model.name in taken:
            raise failed(model.file, 1, f"there is an asset {model.name} already: rename the file")
    return [_asset(model, writers, (pictures or {}).get(model.name)) for model in models]


def set_checks(checks: Sequence[SetCheck], writers: Writers) -> list[dg.AssetChecksDefinition]:
    """One step for all set-wide checks, each on the asset that writes its table (the last one, of several).

    They do not block: a row of one batch may be at fault long after that batch was written.

    Raises:
        ModelError: when no asset writes the table of a check.
    """
    if not checks:
        return []
    keys = {_key(check, writers): check for check in checks}
    by_name = {check.name: key for key, check in keys.items()}

    @dg.multi_asset_check(
        name=SET_CHECKS,
        specs=[
            dg.AssetCheckSpec(
                key.name, asset=key.asset_key, description=check.description, metadata={"SQL": _code(check.sql)}
            )
            for key, check in keys.items()
        ],
        can_subset=True,
    )
    def evaluate(
        context: dg.AssetCheckExecutionContext, line: dg.ResourceParam[LineResource]
    ) -> Iterator[dg.AssetCheckResult]:
        wanted = {key.name for key in context.selected_asset_check_keys}
        for result in _told(lambda: run_checks(line.line.lake, checks, wanted)):
            key = by_name[result.check.name]
            yield dg.AssetCheckResult(
                passed=result.passed,
                asset_key=key.asset_key,
                check_name=key.name,
                severity=dg.AssetCheckSeverity.ERROR,
                description=None if result.passed else f"{result.failing} rows break it",
                metadata=_broken(result),
            )

    return [evaluate]


def _key(check: SetCheck, writers: Writers) -> dg.AssetCheckKey:
    assets = writers.get(check.table)
    if not assets:
        raise failed(check.file, 1, f"no asset writes {check.table}, so this check has no place to be shown")
    return dg.AssetCheckKey(dg.AssetKey(assets[-1]), check.name)


def _asset(model: Model, writers: Writers, pictures: Pictures | None) -> dg.AssetsDefinition:
    @dg.asset(
        name=model.name,
        deps=sorted(_upstream(model, writers)),
        group_name=GROUP,
        kinds={"duckdb", "sql"},
        owners=OWNERS,
        description=model.description,
        code_version=model.version,
        metadata={
            "dagster/table_name": f"hopchain.main.{model.name}",
            "dagster/column_schema": dg.TableSchema([dg.TableColumn(name, kind) for name, kind in model.columns]),
            "materialized": model.materialized,
            "SQL": _code(model.sql),
        },
        check_specs=[
            dg.AssetCheckSpec(test.name, asset=model.name, description=test.says, metadata={"SQL": _code(test.sql)})
            for test in model.tests
        ],
    )
    def build(context: dg.AssetExecutionContext, line: dg.ResourceParam[LineResource]) -> dg.MaterializeResult:
        lake = line.line.lake
        (built,) = _told(lambda: build_models(lake, [model]))
        results = _told(lambda: run_tests(lake, model))
        context.log.info(f"{model.name}: {built.rows} rows, {_what(built)}")
        shown = pictures(lake) if pictures else {}
        return dg.MaterializeResult(
            metadata={**shown, **_page(lake, built)}, check_results=[_tested(model, result) for result in results]
        )

    return build


def _upstream(model: Model, writers: Writers) -> set[str]:
    return set(model.models).union(*(writers.get(table, ()) for table in model.tables))


def _told(work: Callable[[], T]) -> T:
    """Runs it; a model at fault fails the step with its file and line, not with our traceback."""
    try:
        return work()
    except ModelError as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def _page(lake: Lake, built: Built) -> Metadata:
    sample = sample_of(lake, built.model)
    return {
        "dagster/row_count": dg.MetadataValue.int(built.rows),
        "this run": dg.MetadataValue.text(_what(built)),
        "seconds": dg.MetadataValue.float(round(built.seconds, 3)),
        "sample": dg.MetadataValue.md(table_markdown(sample.to_dicts(), sample.columns)),
    }


def _what(built: Built) -> str:
    if built.skipped:
        return "nothing was out of date"
    return f"{built.batches_rebuilt} batches were built" if built.batches_rebuilt else "built whole"


def _tested(model: Model, result: TestResult) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=result.passed,
        asset_key=model.name,
        check_name=result.name,
        severity=dg.AssetCheckSeverity.ERROR,
        description=None if result.passed else f"{result.failing} rows break it",
        metadata={"failing rows": result.failing, **({"first of them": list(result.sample)} if result.sample else {})},
    )


def _broken(result: CheckResult) -> Metadata:
    found: Metadata = {
        "failing rows": dg.MetadataValue.int(result.failing),
        "seconds": dg.MetadataValue.float(round(result.seconds, 3)),
    }
    if result.sample:
        found["first of them"] = dg.MetadataValue.md(table_markdown(result.sample, list(result.sample[0])))
    return found


def _code(sql: str) -> dg.MetadataValue:
    return dg.MetadataValue.md(f"```sql\n{sql}\n```")
