-- Which events were an account's before it was merged into another: an undo gives exactly these back. The two numbers
-- are the halves of an MD5 of source and message id.
CREATE TABLE lake.merged_events (merged_id BIGINT NOT NULL, hi UBIGINT NOT NULL, lo UBIGINT NOT NULL);
