"""The seven assets. Each runs its stage on the batches of the run and reports; the stages know what is pending."""

# Dagster reads the annotation of `context` as it stands: postponed annotations would be texts to it.
import warnings
from collections.abc import Callable, Sequence

import dagster as dg

from hopchain_assets.defs.metadata import SHOWN, changed, pages, paid_metadata
from hopchain_assets.defs.partitions import IMAGE_BATCH
from hopchain_assets.defs.pictures import chains_metadata, masks_metadata
from hopchain_assets.defs.plots import ratings_metadata
from hopchain_assets.defs.resource import LineResource
from hopchain_assets.stages.line import Line

OWNERS = ["team:hopchain"]
FEW_BATCHES = 8
Pictures = Callable[[Line, str], dict[str, dg.MetadataValue]]

GIVEN = [
    dg.AssetSpec(
        "batch_members",
        group_name="given",
        kinds={"duckdb"},
        owners=OWNERS,
        description="Pictures that landed, with what their source says of them, sealed into batches by "
        "`hopchain import-coco` and `hopchain scenes`.",
    ),
    dg.AssetSpec(
        "category_audit",
        group_name="given",
        kinds={"duckdb"},
        owners=OWNERS,
        description="Somebody's word on whether all instances of a category are marked in a picture, "
        "by `hopchain audit`, or seen by who leads a review.",
    ),
    dg.AssetSpec(
        "votes",
        group_name="given",
        kinds={"duckdb"},
        owners=OWNERS,
        description="People's answers to closed questions, each given blind, in `hopchain review`.",
    ),
    dg.AssetSpec(
        "reviews",
        group_name="given",
        kinds={"duckdb"},
        owners=OWNERS,
        deps=["votes"],
        description="What follows from people's votes on a question: unanimous, disagreed, or with a defect.",
    ),
]


def _asset(
    stage: str, group: str, kinds: set[str], deps: Sequence[str]
) -> Callable[[Callable[..., None]], dg.AssetsDefinition]:
    """What all seven have in common: a partition for each batch, one run for a range of them, a pool."""
    written = [SHOWN[stage].table, *(table for table, _ in SHOWN[stage].counted.values())]
    with warnings.catch_warnings():
        # the policy is in beta; without it the UI would start a run for each of a thousand batches, 7 s each
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.asset(
            name=stage,
            deps=deps,
            partitions_def=IMAGE_BATCH,
            backfill_policy=dg.BackfillPolicy.single_run(),
            group_name=group,
            kinds=kinds,
            owners=OWNERS,
            tags={"hopchain/line": "main"},
            metadata={
                "dagster/table_name": f"hopchain.main.{SHOWN[stage].table}",
                "tables written": ", ".join(dict.fromkeys(written)),
            },
            # no retry policy: it would run a step again that somebody terminates; the sensor `pending` tries again
            pool="writer",
        )


@_asset("raw_images", "pictures", {"duckdb", "parquet"}, ["batch_members"])
def raw_images(context: dg.AssetExecutionContext, line: dg.ResourceParam[LineResource]) -> None:
    """Pictures that can be read, one row each, their bytes in the picture store.

    A file that is broken, changed or of another size than its annotations say goes to `quarantine` with the reason.
    """
    _run(context, line, "raw_images")


@_asset("image_ratings", "pictures", {"duckdb"}, ["batch_members", "raw_images"])
def image_ratings(context: dg.AssetExecutionContext, line: dg.ResourceParam[LineResource]) -> None:
    """How much there is to see in each picture (stage 0 of the paper), as a vision-language model rates it.

    Pictures with too little to ask about end here. Annotated ones are not rated, and without a model none is.
    """
    _run(context, line, "image_ratings", ratings_metadata)


@_asset("categories", "perception", {"duckdb"}, ["batch_members", "raw_images", "image_ratings"])
def categories(context: dg.AssetExecutionContext, line: dg.ResourceParam[LineResource]) -> None:
    """What kinds of object each picture shows (stage 1 of the paper).

    Annotated sources bring the names; those of other pictures a vision-language model gives.
    """
    _run(context, line, "categories")


@_asset("instance_masks", "perception", {"duckdb", "numpy"}, ["batch_members", "raw_images", "categories"])
def instance_masks(context: dg.AssetExecutionContext, line: dg.ResourceParam[LineResource]) -> None:
    """Every instance with mask, box and measures, and how each pair of them lies (stage 2 of the paper).

    Annotated pictures bring their masks; in others a segmenter (SAM3) finds them. `groundings` says which of the names
    were found, `left_out` which finds are no instances and why, `texts` what is printed on things.
    """
    _run(context, line, "instance_masks", masks_metadata)


@_asset(
    "hop_chains",
    "questions",
    {"duckdb", "python"},
    ["raw_images", "categories", "instance_masks", "category_audit"],
)
def hop_chains(context: dg.AssetExecutionContext, line: dg.ResourceParam[LineResource]) -> None:
    """Multi-hop questions with the program that answers each, certified (stage 3 of the paper).

    What is rejected is kept in `rejected_chains` with the rule that it breaks.
    """
    _run(context, line, "hop_chains", chains_metadata)


@_asset(
    "verified_set",
    "questions",
    {"duckdb"},
    ["raw_images", "categories", "instance_masks", "hop_chains", "category_audit", "reviews", "votes"],
)
def verified_set(context: dg.AssetExecutionContext, line: dg.ResourceParam[LineResource]) -> None:
    """Chains whose answer is true: executed again as SQL on stored ground truth, over audited categories, or by people.

    The others wait in `waiting_chains` with the reason. An answer that people alone give is held until a lead takes it.
    """
    _run(context, line, "verified_set")


@_asset("training_shards", "training", {"duckdb", "parquet"}, ["raw_images", "hop_chains", "verified_set"])
def training_shards(context: dg.AssetExecutionContext, line: dg.ResourceParam[LineResource]) -> None:
    """Verified questions with their pictures as Parquet in verl's layout, and the manifest that lists the shards."""
    _run(context, line, "training_shards")


@dg.asset(
    deps=["training_shards"],
    group_name="training",
    kinds={"json"},
    owners=OWNERS,
    pool="writer",
    tags={"hopchain/line": "main"},
)
def manifest(context: dg.AssetExecutionContext, line: dg.ResourceParam[LineResource]) -> None:
    """`manifest.json`: all current shards with their hashes, what a trainer begins with; and the reward function.

    Parked batches are left out. Files that nothing lists any more are removed.
    """
    path = line.line.publish()
    context.add_asset_metadata(
        {"shard folder": dg.MetadataValue.path(line.settings.shard_folder), "manifest": dg.MetadataValue.path(path)}
    )


LINE_ASSETS = [raw_images, image_ratings, categories, instance_masks, hop_chains, verified_set, training_shards]


def _run(context: dg.AssetExecutionContext, line: LineResource, stage: str, pictures: Pictures | None = None) -> None:
    """The stage on each batch of the run, and what each partition's page shows."""
    # all batches before the first page: its totals are those of the end of the run
    reports = line.run(stage, context.partition_keys, context.run.run_id)
    told = pages(line.line.lake, stage, reports)
    paid = paid_metadata(line.settings, stage, context.run.run_id)
    for report in reports:
        context.log.info(f"{stage} {report.batch}: {report.pending_before} pending, {report.pending_after} after it")
        # pictures first, as they are what one comes to see; drawing them again for many batches would only cost
        worth_it = changed(report) or len(reports) <= FEW_BATCHES
        shown = pictures(line.line, report.batch) if pictures and worth_it else {}
        context.add_asset_metadata(shown | told[report.batch] | paid, partition_key=report.batch)
