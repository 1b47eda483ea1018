-- Known days whose raw events were removed because they are older than the vendor keeps them. Their roll-up stays, and
-- what still arrives for them is added to it (rollup).
CREATE TABLE lake.retired_days (known_on DATE NOT NULL, retired_at TIMESTAMP NOT NULL, events BIGINT NOT NULL);
-- That something was erased, and when, without saying whose: a roll-up that was counted before is counted again.
CREATE TABLE lake.erasures (erased_at TIMESTAMP NOT NULL, rows BIGINT NOT NULL);
