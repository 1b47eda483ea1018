"""``evergreen import``: records and events from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evergreen.launch.terminal import HomeOption, JsonOption, open_installation, progress, put, say


def import_file(
    file: Annotated[Path, typer.Argument(help="CSV, XLSX, JSONL or Parquet.", exists=True, dir_okay=False)],
    record: Annotated[
        str, typer.Option("--as", help="accounts, contacts, contracts, invoices, tickets, events or surveys.")
    ],
    mapping: Annotated[
        Path, typer.Option(help="YAML that maps columns to fields.", exists=True, dir_okay=False)
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, write nothing.")] = False,
    source: Annotated[
        str | None, typer.Option(help="Source of events.", show_default="the mapping's")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load a file. Exit code 0: loaded; 3: some rows were rejected; 1: nothing was loaded."""
    open_installation(home)
    from django.utils import translation

    from evergreen.base import clock, queries
    from evergreen.events.imports.run import import_file as run

    # What is said of a file's rows is read by the vendor's people, and stands in the file of rejected rows.
    with translation.override(queries.setting("language")):
        with progress(f"import {file.name}") as tell:
            result = run(
                file,
                record,
                mapping,
                dry_run=dry_run,
                source=source,
                progress=tell,
                by=None,
                now=clock.utc_now(),
            )
        for line in result.summary_lines():
            say(line)
    if as_json:
        put(result.as_dict())
    raise typer.Exit(result.exit_code)
