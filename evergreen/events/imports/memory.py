"""Mappings remembered by the columns of the files they served."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import unicodedata
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from typing import Any

from evergreen.base.models import User
from evergreen.events.models import Mapping


def columns_hash(columns: Sequence[str]) -> str:
    """The shape of a file: its columns, whatever their order, case and width."""
    names = sorted("".join(unicodedata.normalize("NFKC", name).casefold().split()) for name in columns)
    return hashlib.sha256(json.dumps(names, ensure_ascii=False).encode()).hexdigest()


def remember(
    record: str,
    columns: Sequence[str],
    definition: Dict[str, Any],
    *,
    name: str,
    by: User | None,
    now: dt.datetime,
) -> None:
    """Keep the mapping for the next file with these columns."""
    Mapping.objects.update_or_create(
        record=record,
        columns_hash=columns_hash(columns),
        defaults={"name": name[:120], "definition": dict(definition), "used_at": now, "by": by},
    )


def remembered(record: str, columns: Sequence[str]) -> dict[str, Any] | None:
    """The mapping that the last file with these columns was loaded with."""
    found = Mapping.objects.filter(record=record, columns_hash=columns_hash(columns)).values_list(
        "definition", flat=True
    )
    return found.first()
