"""The line as Dagster shows it: assets, checks, partitions, the job. The only room that knows a scheduler."""
