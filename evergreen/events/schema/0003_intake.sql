-- What became of the events of each source in each batch, so that a source's sums are read without its events.
CREATE TABLE lake.intake (
    moved_at TIMESTAMP NOT NULL, source VARCHAR NOT NULL,
    stored BIGINT NOT NULL, duplicates BIGINT NOT NULL, conflicts BIGINT NOT NULL, rejected BIGINT NOT NULL
);
