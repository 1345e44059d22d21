-- What of a source could not be used, and the shard files that the examples are in.
CREATE TABLE bad_annotations (
    image_id VARCHAR,
    annotation_id VARCHAR,
    category VARCHAR,
    reason VARCHAR,
    batch VARCHAR,
    stage_version VARCHAR
);

CREATE TABLE shards (
    shard_path VARCHAR,
    split VARCHAR,
    sha256 VARCHAR,
    n_rows BIGINT,
    byte_size BIGINT,
    batch VARCHAR,
    stage_version VARCHAR
);
