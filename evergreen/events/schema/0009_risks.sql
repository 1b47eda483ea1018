-- The probability that an account is lost within a horizon as it was told each night, so that it can be held against what came.
CREATE TABLE lake.risks (
    day DATE NOT NULL, account_id BIGINT NOT NULL, tenant VARCHAR NOT NULL,
    horizon_days INTEGER NOT NULL, model BIGINT NOT NULL, probability DOUBLE NOT NULL
);
ALTER TABLE lake.risks SET PARTITIONED BY (year(day), month(day));
