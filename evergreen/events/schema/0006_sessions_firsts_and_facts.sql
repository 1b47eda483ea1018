-- Time online: sessions of each end user (30 minutes of silence end one), counted by day when a known day is rolled up.
ALTER TABLE lake.account_days ADD COLUMN sessions BIGINT;
ALTER TABLE lake.account_days ADD COLUMN online_seconds DOUBLE;
-- The days on which an account was first seen using a feature: a row wherever a known day told of an earlier one.
CREATE TABLE lake.first_features (
    account_id BIGINT NOT NULL, tenant VARCHAR NOT NULL, feature VARCHAR NOT NULL, day DATE NOT NULL, known_on DATE NOT NULL
);
INSERT INTO lake.first_features
SELECT account_id, tenant, feature, min(day), known_on FROM lake.usage
WHERE feature IS NOT NULL GROUP BY account_id, tenant, feature, known_on;
-- Events that metrics read one by one and that are no use of the product: who was opened or closed, which survey was
-- sent, training completed, milestone planned or met, need stated (facts.py).
CREATE TABLE lake.facts (
    account_id BIGINT NOT NULL, tenant VARCHAR NOT NULL, source VARCHAR NOT NULL, name VARCHAR NOT NULL,
    end_user VARCHAR, contact VARCHAR, subject VARCHAR, state VARCHAR, weight DOUBLE, due_on DATE,
    occurred_at TIMESTAMP NOT NULL, day DATE NOT NULL, known_on DATE NOT NULL
);
-- Raw events are read once more for these; days whose events were retired keep what they have.
DELETE FROM lake.rolled WHERE known_on NOT IN (SELECT known_on FROM lake.retired_days);
