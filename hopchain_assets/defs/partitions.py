"""The partitions of every asset: batches of pictures, sealed when they land."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import dagster as dg

IMAGE_BATCH = dg.DynamicPartitionsDefinition(name="image_batch")
PARTITIONS = "image_batch"


def sync_partitions(instance: dg.DagsterInstance, batches: Iterable[str]) -> list[str]:
    """Makes batches known to Dagster, in the order given; returns those that were not.

    None is ever removed: a batch is sealed when it lands, and the events of its runs stay readable.
    """
    known = set(instance.get_dynamic_partitions(PARTITIONS))
    new = [batch for batch in dict.fromkeys(batches) if batch not in known]
    if new:
        instance.add_dynamic_partitions(PARTITIONS, new)
    return new


def ranges(known: Sequence[str], wanted: Iterable[str]) -> list[tuple[str, str]]:
    """The fewest (first, last) stretches of the known partitions that hold the wanted ones and no other.

    Raises:
        KeyError: when a wanted one is not known.
    """
    place = {batch: number for number, batch in enumerate(known)}
    found: list[list[int]] = []
    for number in sorted({place[batch] for batch in wanted}):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return [(known[first], known[last]) for first, last in found]


def over(first: str, last: str) -> dict[str, str]:
    """The tags of a run over a stretch of batches."""
    if first == last:
        return {"dagster/partition": first}
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
