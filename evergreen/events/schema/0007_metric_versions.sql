-- By which version of its definition each metric of a day's snapshot was computed: JSON {key: version}, one row a day.
CREATE TABLE lake.snapshot_days (day DATE NOT NULL, definitions VARCHAR NOT NULL);

-- Values of declared metrics that a newer version took the place of, as they stood under theirs.
CREATE TABLE lake.former_figures (
    day DATE NOT NULL, account_id BIGINT NOT NULL, tenant VARCHAR NOT NULL, metric VARCHAR NOT NULL,
    version INTEGER NOT NULL, value DOUBLE, on_day DATE, kept_at TIMESTAMP NOT NULL
);
