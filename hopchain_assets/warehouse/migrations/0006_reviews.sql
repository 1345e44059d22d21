-- What people make of questions: their votes, what follows from these, and which verified rows the shards wait for.
CREATE TABLE votes (
    question_id VARCHAR,
    image_id VARCHAR,
    person_id VARCHAR,
    number VARCHAR,
    defect VARCHAR,
    note VARCHAR,
    seconds DOUBLE,
    "at" TIMESTAMP,
    origin VARCHAR,
    batch VARCHAR
);

CREATE TABLE reviews (
    question_id VARCHAR,
    image_id VARCHAR,
    state VARCHAR,
    answer VARCHAR,
    accepted_by VARCHAR,
    needed INTEGER,
    batch VARCHAR
);

ALTER TABLE verified_set ADD COLUMN held VARCHAR;
