-- What models say: how much there is to see in a picture, who read the words back, and that only models agreed.
CREATE TABLE image_ratings (
    image_id VARCHAR,
    complexity INTEGER,
    quality VARCHAR,
    complex_objects VARCHAR,
    reason VARCHAR,
    kept BOOLEAN,
    source VARCHAR,
    batch VARCHAR,
    stage_version VARCHAR
);

-- all chains so far were read back by the grammar of the composer's English
ALTER TABLE hop_chains ADD COLUMN bound_by VARCHAR;
UPDATE hop_chains SET bound_by = 'grammar';

ALTER TABLE waiting_chains ADD COLUMN verified_by VARCHAR;
