-- The columns are documented in docs/tables.md. DuckLake has no keys and no indexes: identity is kept by
-- replacing all rows of an input in one transaction, under the lock of its stage and batch.
CREATE TABLE batch_members (
    batch VARCHAR,
    source_uri VARCHAR,
    content_sha256 VARCHAR,
    annotations VARCHAR,
    landed_at TIMESTAMP
);

CREATE TABLE stage_done (
    stage VARCHAR,
    batch VARCHAR,
    input_id VARCHAR,
    stage_version VARCHAR,
    input_hash VARCHAR,
    output_hash VARCHAR,
    outcome VARCHAR,
    n_rows BIGINT,
    "at" TIMESTAMP
);

CREATE TABLE images (
    image_id VARCHAR,
    batch VARCHAR,
    source_uri VARCHAR,
    width INTEGER,
    height INTEGER,
    format VARCHAR,
    byte_size BIGINT,
    perceptual_hash VARCHAR,
    split_group VARCHAR,
    license VARCHAR,
    license_url VARCHAR,
    author VARCHAR,
    source_page VARCHAR,
    ingested_at TIMESTAMP,
    stage_version VARCHAR
);

CREATE TABLE quarantine (
    source_uri VARCHAR,
    content_sha256 VARCHAR,
    batch VARCHAR,
    reason VARCHAR,
    detail VARCHAR,
    "at" TIMESTAMP,
    stage_version VARCHAR
);

CREATE TABLE categories (
    image_id VARCHAR,
    category VARCHAR,
    source VARCHAR,
    crowd BOOLEAN,
    batch VARCHAR,
    stage_version VARCHAR
);

CREATE TABLE category_audit (
    image_id VARCHAR,
    category VARCHAR,
    exhaustive BOOLEAN,
    "by" VARCHAR,
    "at" TIMESTAMP,
    batch VARCHAR,
    stage_version VARCHAR
);

CREATE TABLE instances (
    instance_id VARCHAR,
    image_id VARCHAR,
    category VARCHAR,
    x0 DOUBLE,
    y0 DOUBLE,
    x1 DOUBLE,
    y1 DOUBLE,
    cx DOUBLE,
    cy DOUBLE,
    area DOUBLE,
    score DOUBLE,
    mask_rle VARCHAR,
    attributes VARCHAR,
    source VARCHAR,
    batch VARCHAR,
    stage_version VARCHAR
);

CREATE TABLE pairs (
    image_id VARCHAR,
    a VARCHAR,
    b VARCHAR,
    overlap_px DOUBLE,
    inside_share DOUBLE,
    edge_gap DOUBLE,
    batch VARCHAR,
    stage_version VARCHAR
);

CREATE TABLE perceptions (
    instance_id VARCHAR,
    image_id VARCHAR,
    predicate VARCHAR,
    value VARCHAR,
    samples INTEGER,
    source VARCHAR,
    batch VARCHAR,
    stage_version VARCHAR
);

CREATE TABLE hop_chains (
    chain_id VARCHAR,
    question_id VARCHAR,
    image_id VARCHAR,
    instance_ids VARCHAR[],
    query_type VARCHAR,
    skeleton VARCHAR,
    question VARCHAR,
    hops VARCHAR,
    program VARCHAR,
    answer VARCHAR,
    n_hops INTEGER,
    generator VARCHAR,
    batch VARCHAR,
    stage_version VARCHAR
);

CREATE TABLE rejected_chains (
    chain_id VARCHAR,
    image_id VARCHAR,
    rule VARCHAR,
    detail VARCHAR,
    question VARCHAR,
    generator VARCHAR,
    batch VARCHAR,
    stage_version VARCHAR
);

CREATE TABLE waiting_chains (
    chain_id VARCHAR,
    question_id VARCHAR,
    image_id VARCHAR,
    reason VARCHAR,
    detail VARCHAR,
    batch VARCHAR,
    stage_version VARCHAR
);

CREATE TABLE verified_set (
    chain_id VARCHAR,
    question_id VARCHAR,
    image_id VARCHAR,
    question VARCHAR,
    answer VARCHAR,
    answer_source VARCHAR,
    verified_by VARCHAR,
    batch VARCHAR,
    stage_version VARCHAR
);

CREATE TABLE shard_examples (
    example_id VARCHAR,
    chain_id VARCHAR,
    image_id VARCHAR,
    split VARCHAR,
    shard_path VARCHAR,
    batch VARCHAR,
    stage_version VARCHAR
);
