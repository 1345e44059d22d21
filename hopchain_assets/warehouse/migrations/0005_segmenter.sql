-- What a segmenter found: how sure it was of the name, what became of each name, what was left out and why, and what
-- is printed on things.
ALTER TABLE instances ADD COLUMN presence DOUBLE;
UPDATE instances SET presence = 1;

CREATE TABLE groundings (
    image_id VARCHAR,
    category VARCHAR,
    presence DOUBLE,
    best_score DOUBLE,
    n_found INTEGER,
    n_kept INTEGER,
    grounded BOOLEAN,
    source VARCHAR,
    batch VARCHAR,
    stage_version VARCHAR
);

CREATE TABLE left_out (
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
    presence DOUBLE,
    mask_rle VARCHAR,
    reason VARCHAR,
    rival_id VARCHAR,
    doubtful BOOLEAN,
    source VARCHAR,
    batch VARCHAR,
    stage_version VARCHAR
);

CREATE TABLE texts (
    image_id VARCHAR,
    instance_ids VARCHAR[],
    "text" VARCHAR,
    x0 DOUBLE,
    y0 DOUBLE,
    x1 DOUBLE,
    y1 DOUBLE,
    confidence DOUBLE,
    decisive BOOLEAN,
    reason VARCHAR,
    source VARCHAR,
    batch VARCHAR,
    stage_version VARCHAR
);
