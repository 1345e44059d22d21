-- What a line that runs itself has to remember: why an input failed, how long stages took, what lies in the landing
-- folders, which batches were given up, and which models are up to date.
ALTER TABLE stage_done ADD COLUMN detail VARCHAR;

-- whether an annotation changed is asked all the time: reading and hashing all of them took seconds
ALTER TABLE batch_members ADD COLUMN annotations_sha256 VARCHAR;
UPDATE batch_members SET annotations_sha256 = sha256(annotations);

CREATE TABLE stage_runs (
    stage VARCHAR,
    batch VARCHAR,
    stage_version VARCHAR,
    n_inputs BIGINT,
    n_rows BIGINT,
    seconds DOUBLE,
    "at" TIMESTAMP
);

CREATE TABLE landing_files (
    uri VARCHAR,
    byte_size BIGINT,
    stamp VARCHAR,
    content_sha256 VARCHAR,
    seen_at TIMESTAMP
);

CREATE TABLE parked (
    batch VARCHAR,
    pending_hash VARCHAR,
    attempts INTEGER,
    error VARCHAR,
    run_id VARCHAR,
    "at" TIMESTAMP,
    retried_at TIMESTAMP
);

CREATE TABLE model_done (
    model VARCHAR,
    batch VARCHAR,
    model_version VARCHAR,
    input_hash VARCHAR,
    n_rows BIGINT,
    seconds DOUBLE,
    "at" TIMESTAMP
);
