"""Experiments that come as a table: a row a unit, a column that says its arm, columns of outcomes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from evergreen.outcomes.experiments import sizes, statistics

MOST_ARMS = 6
MOST_OUTCOMES = 20
KINDS = ("csv", "tsv", "parquet")
_NUMBERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: ``kind`` is number, flag or text; ``arms`` its values where they are few enough to be arms, by how often."""

    name: str
    kind: str
    arms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds."""

    rows: int
    columns: tuple[Column, ...]


def look(path: Path, name: str) -> Table:
    """The columns of a file. Raises ValidationError for one that cannot be read or has no rows."""
    with _opened(path, name) as con:
        described = con.execute("DESCRIBE given").fetchall()
        rows = _one(con, "SELECT count(*) FROM given")
        if not rows:
            raise ValidationError(_("The file has no rows below its headings. Nothing was kept."))
        columns = tuple(Column(str(row[0]), _kind(str(row[1])), _arms(con, str(row[0]))) for row in described)
    return Table(int(rows), columns)


def compare(
    path: Path, name: str, *, arm: str, control: str, outcomes: Sequence[str], covariate: str = ""
) -> dict[str, Any]:
    """Every other arm against the control on each outcome, as plain data.

    {arms: [{name, n}], ratios: {arm: p}, readings: [{outcome, kind, arm, …statistics.Reading}]}. Raises ValidationError, naming what is
    allowed, for columns that are not there, an arm without units, or an outcome that is no number.
    """
    table = look(path, name)
    columns = {one.name: one for one in table.columns}
    _check(columns, arm, control, outcomes, covariate)
    with _opened(path, name) as con:
        asked = list(dict.fromkeys([*outcomes, *([covariate] if covariate else [])]))
        told = ", ".join(f"TRY_CAST({_quoted(one)} AS DOUBLE) AS {_quoted(one)}" for one in asked)
        values = con.execute(
            f"SELECT CAST({_quoted(arm)} AS VARCHAR) AS evergreen_arm, {told} FROM given"
        ).fetchnumpy()
    arms = np.asarray(values.pop("evergreen_arm"))
    numbers: dict[str, np.ndarray[Any, Any]] = {
        key: np.ma.filled(np.ma.asarray(one, dtype=float), math.nan) for key, one in values.items()
    }
    masks = {key: arms == key for key in columns[arm].arms}
    readings = []
    for other in (key for key in masks if key != control):
        for outcome in outcomes:
            a, b = masks[control], masks[other]
            before = (
                (numbers[covariate][a], numbers[covariate][b]) if covariate and covariate != outcome else None
            )
            reading = statistics.read(numbers[outcome][a], numbers[outcome][b], covariates=before)
            readings.append(
                {"outcome": outcome, "kind": columns[outcome].kind, "arm": other, **plain(asdict(reading))}
            )
    counts = {key: int(mask.sum()) for key, mask in masks.items()}
    ratios = {key: sizes.sample_ratio((counts[control], n)) for key, n in counts.items() if key != control}
    named = [{"name": key, "n": n} for key, n in sorted(counts.items(), key=lambda row: row[0] != control)]
    return {"arms": named, "ratios": ratios, "readings": readings, "covariate": covariate}


def _check(
    columns: Mapping[str, Column], arm: str, control: str, outcomes: Sequence[str], covariate: str
) -> None:
    armed = [one.name for one in columns.values() if one.arms]
    numbers = [one.name for one in columns.values() if one.kind != "text" and one.name != arm]
    if arm not in armed:
        raise ValidationError({"arm": _wrong(arm, armed)})
    if control not in columns[arm].arms:
        raise ValidationError({"control": _wrong(control, columns[arm].arms)})
    if not outcomes or len(outcomes) > MOST_OUTCOMES or not set(outcomes) <= set(numbers):
        wrong = ", ".join(one for one in outcomes if one not in numbers) or str(len(outcomes))
        raise ValidationError({"outcomes": _wrong(wrong, numbers)})
    if covariate and covariate not in numbers:
        raise ValidationError({"covariate": _wrong(covariate, numbers)})


def _wrong(found: str, allowed: Sequence[str]) -> str:
    said = _("Found %(found)s; allowed: %(allowed)s. Nothing was computed.")
    return said % {"found": found or "-", "allowed": ", ".join(allowed) or "-"}


@contextmanager
def _opened(path: Path, name: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """The file as the view ``given``, in a database of its own."""
    ending = name.rpartition(".")[2].lower()
    if ending not in KINDS:
        raise ValidationError(
            _("%(name)s ends on “%(found)s”; allowed: %(allowed)s. Nothing was kept.")
            % {"name": name, "found": ending, "allowed": ", ".join(KINDS)}
        )
    with duckdb.connect() as con:
        con.execute("SET threads = 1")
        read = "read_parquet" if ending == "parquet" else "read_csv"
        try:
            # A view takes no parameters; the path is ours, never a person's.
            con.execute(
                f"CREATE TABLE given AS SELECT * FROM {read}('{str(path).replace(chr(39), chr(39) * 2)}')"
            )
        except duckdb.Error as error:
            first = " ".join(str(error).split())[:200]
            raise ValidationError(
                _("%(name)s cannot be read as a table: %(error)s Nothing was kept.")
                % {"name": name, "error": first}
            ) from None
        yield con


def _arms(con: duckdb.DuckDBPyConnection, column: str) -> tuple[str, ...]:
    rows = con.execute(
        f"SELECT CAST({_quoted(column)} AS VARCHAR) AS value, count(*) AS n FROM given WHERE {_quoted(column)} IS NOT NULL"
        f" GROUP BY value ORDER BY value LIMIT {MOST_ARMS + 1}"
    ).fetchall()
    return tuple(str(value) for value, _n in rows) if 2 <= len(rows) <= MOST_ARMS else ()


def _kind(of: str) -> str:
    if of == "BOOLEAN":
        return "flag"
    return "number" if of.startswith(_NUMBERS) else "text"


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def plain(value: Any) -> Any:
    """Data that JSON takes: what is no finite number is None."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
