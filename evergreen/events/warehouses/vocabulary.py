"""The functions of ours that every engine is given, and how the embedded one has them.

| function | what it gives |
|---|---|
| bit_count(mask) | how many bits of a whole number are set |
| bits_of(mask) | its bits as text, the highest set one first |
| said_text(told, name) | of a JSON object the text under a name; null when it is none |
| said_number | the number under it; null when it is none |
| said_day | the day under it (2026-03-06, with or without a time after it); null when it is none from 1900 to 2299 |
| said_json | what stands under it, as it is written in JSON |
| person_hash(account, source, end_user) | 64 bits of an end user; each engine has its own |
| account_hash(account) | 64 bits of an account, spread evenly; each engine has its own |
"""

from __future__ import annotations

# bit_count it has itself.
OF_DUCKDB = r"""
CREATE OR REPLACE TEMP MACRO bits_of(mask) AS bin(mask);
CREATE OR REPLACE TEMP MACRO said_text(told, name) AS
    CASE WHEN json_type(told::JSON -> name) = 'VARCHAR' THEN told::JSON ->> name END;
CREATE OR REPLACE TEMP MACRO said_number(told, name) AS TRY_CAST((told::JSON -> name)::VARCHAR AS DOUBLE);
CREATE OR REPLACE TEMP MACRO said_day(told, name) AS
    CASE WHEN regexp_matches(said_text(told, name), '^(19|2[0-2])\d\d-\d\d-\d\d([T ]|$)')
         THEN TRY_CAST(left(said_text(told, name), 10) AS DATE) END;
CREATE OR REPLACE TEMP MACRO person_hash(account, source, end_user) AS hash(account, source, end_user);
CREATE OR REPLACE TEMP MACRO account_hash(account) AS hash(account);
CREATE OR REPLACE TEMP MACRO said_json(told, name) AS (told::JSON -> name)::VARCHAR;
"""
