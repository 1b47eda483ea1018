-- Batches are numbered in the order of their commits, and each message key says in which it came, so that the index of
-- keys beside the lake reads only what it lacks. The mark tells a batch from one that took its number after a restore.
ALTER TABLE lake.batches ADD COLUMN number BIGINT;
ALTER TABLE lake.batches ADD COLUMN mark VARCHAR;
ALTER TABLE lake.message_keys ADD COLUMN batch BIGINT;
