-- What happened. One row an event; known_on is the vendor's day on which we learned of it (for rows loaded as
-- history: the event's own day), so that a night reads one partition and a past day is read as it was known.
CREATE TABLE lake.events (
    source VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,            -- track, page, screen, identify, group, alias, usage, system
    name VARCHAR NOT NULL,
    account_id BIGINT,                -- null: not matched to an account yet
    tenant VARCHAR NOT NULL,          -- '' : the account as a whole
    account_key VARCHAR,              -- what the event itself said of its account
    end_user VARCHAR,                 -- unique within (source, account)
    occurred_at TIMESTAMP NOT NULL,   -- UTC, skew corrected
    original_at TIMESTAMP,            -- as the sender's clock said, before correction
    sent_at TIMESTAMP,
    received_at TIMESTAMP NOT NULL,
    known_at TIMESTAMP NOT NULL,
    day DATE NOT NULL,                -- of occurred_at, in the vendor's zone
    known_on DATE NOT NULL,           -- of known_at, in the vendor's zone
    count BIGINT NOT NULL,
    seconds DOUBLE,
    feature VARCHAR,                  -- named by the event itself; matchers of features come at the roll-up
    properties VARCHAR,               -- JSON
    message_id VARCHAR NOT NULL,
    flag VARCHAR,                     -- why a time was replaced, else null
    backfilled BOOLEAN NOT NULL
);
ALTER TABLE lake.events SET PARTITIONED BY (known_on);

-- One row a message ever stored, also after erasure: the same id of the same source adds nothing.
CREATE TABLE lake.message_keys (hi UBIGINT NOT NULL, lo UBIGINT NOT NULL, body UBIGINT NOT NULL);

-- Which part of which journal segment (or which chunk of which file) the lake holds, written in the same transaction.
CREATE TABLE lake.batches (
    origin VARCHAR NOT NULL,          -- segment name, or import:<job>
    until BIGINT NOT NULL,            -- byte position (journal) or row number (file) up to which it is held
    received BIGINT NOT NULL,
    stored BIGINT NOT NULL,
    duplicates BIGINT NOT NULL,
    conflicts BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    moved_at TIMESTAMP NOT NULL
);

CREATE TABLE lake.rejected_events (
    source VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,            -- how it came, e.g. segment/batch, so that it can be read again
    received_at TIMESTAMP NOT NULL,
    reason VARCHAR NOT NULL,
    field VARCHAR,
    body VARCHAR NOT NULL,
    origin VARCHAR NOT NULL,
    position BIGINT NOT NULL,
    item INTEGER NOT NULL             -- place in the request; -1: the whole request was refused
);

-- Which known days got rows (one row a batch; 0 rows: something about the day changed), and how many of these arrivals
-- the roll-up of the day holds: a day whose numbers differ is stale, and the night rolls up exactly the stale ones.
CREATE TABLE lake.arrivals (known_on DATE NOT NULL, origin VARCHAR NOT NULL, rows BIGINT NOT NULL);
CREATE TABLE lake.rolled (known_on DATE NOT NULL, arrivals BIGINT NOT NULL);

-- Daily roll-up: account × end user × event × feature × day; what snapshots are made of.
CREATE TABLE lake.usage (
    account_id BIGINT NOT NULL,
    tenant VARCHAR NOT NULL,
    source VARCHAR NOT NULL,          -- an end user is unique within its source and account
    end_user VARCHAR,
    day DATE NOT NULL,
    known_on DATE NOT NULL,
    kind VARCHAR NOT NULL,
    event VARCHAR NOT NULL,
    feature VARCHAR,
    count BIGINT NOT NULL,
    seconds DOUBLE NOT NULL
);
ALTER TABLE lake.usage SET PARTITIONED BY (known_on);

-- The day an end user was first seen using the product, and the newest day an account was used, as known on a day.
CREATE TABLE lake.first_uses (
    account_id BIGINT NOT NULL, tenant VARCHAR NOT NULL, source VARCHAR NOT NULL, end_user VARCHAR NOT NULL,
    day DATE NOT NULL, known_on DATE NOT NULL
);
CREATE TABLE lake.account_days (
    account_id BIGINT NOT NULL, tenant VARCHAR NOT NULL, day DATE NOT NULL, known_on DATE NOT NULL,
    users BIGINT NOT NULL, events BIGINT NOT NULL, seconds DOUBLE NOT NULL
);
ALTER TABLE lake.account_days SET PARTITIONED BY (year(known_on), month(known_on));

-- One row a day, account and tenant ('' = the account's roll-up); one column a metric, added by the metrics room.
CREATE TABLE lake.snapshots (
    day DATE NOT NULL, account_id BIGINT NOT NULL, tenant VARCHAR NOT NULL,
    computed_at TIMESTAMP NOT NULL, restated BOOLEAN NOT NULL
);
ALTER TABLE lake.snapshots SET PARTITIONED BY (year(day), month(day));

CREATE TABLE lake.scores (
    day DATE NOT NULL, account_id BIGINT NOT NULL, tenant VARCHAR NOT NULL,
    scorecard VARCHAR NOT NULL, version INTEGER NOT NULL,
    score DOUBLE, band VARCHAR NOT NULL, coverage DOUBLE NOT NULL, oldest_input_on DATE, contributions VARCHAR NOT NULL
);
ALTER TABLE lake.scores SET PARTITIONED BY (year(day), month(day));

-- Answers to surveys, rolled up from survey.answered events of their known day.
CREATE TABLE lake.answers (
    account_id BIGINT NOT NULL, tenant VARCHAR NOT NULL, kind VARCHAR NOT NULL, contact VARCHAR, score DOUBLE NOT NULL,
    occurred_at TIMESTAMP NOT NULL, day DATE NOT NULL, known_on DATE NOT NULL
);
