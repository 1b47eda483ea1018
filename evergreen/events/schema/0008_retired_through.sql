-- With single events in another store (warehouses.md): the number of the newest batch whose events of the day are retired,
-- so that what arrived since is told from what is not yet removed there. Null: they left the lake with the transaction.
ALTER TABLE lake.retired_days ADD COLUMN batch BIGINT;
