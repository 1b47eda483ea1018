"""``evergreen config``: what is set up as files in a folder, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evergreen.launch.terminal import HomeOption, JsonOption, group, open_installation, put, say

if TYPE_CHECKING:
    from evergreen.flow.config import Change

app = group(
    "What is set up (metrics, segments, scorecards, alert rules, templates, surveys, playbooks) as YAML files in a folder, and back."
)
Folder = Annotated[Path, typer.Argument(help="The folder.", show_default=False)]
_WORDS = {"new": "new", "changed": "changed", "same": "as it is here", "only_here": "only here"}


@app.command()
def export(folder: Folder, home: HomeOption = None) -> None:
    """Write everything as files: FOLDER/segments/KEY.yaml, metrics, scorecards, alert-rules, templates, surveys, playbooks."""
    open_installation(home)
    from evergreen.flow import config

    paths = config.export(folder)
    say(f"{len(paths)} files were written below {folder}.")


@app.command()
def diff(folder: Folder, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Say what applying the files would change. Exit code 1 when something would."""
    open_installation(home)
    from evergreen.flow import config

    changes = config.differences(folder)
    _tell(changes, as_json)
    if any(change.what in {"new", "changed"} for change in changes):
        raise typer.Exit(1)


@app.command()
def apply(
    folder: Folder,
    prune: Annotated[
        bool, typer.Option(help="Put away what was kept in files and has none any more.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring everything in line with the files, all or nothing. What they name is kept in files from then on."""
    open_installation(home)
    from evergreen.base import clock
    from evergreen.flow import config

    _tell(config.apply(folder, prune=prune, by=None, now=clock.utc_now()), as_json)


def _tell(changes: list[Change], as_json: bool) -> None:
    for change in changes:
        if as_json:
            fields = {name: {"here": here, "file": told} for name, (here, told) in change.fields.items()}
            put({"kind": change.kind, "key": change.key, "what": change.what, "fields": fields})
            continue
        say(f"{change.kind} {change.key}: {_WORDS[change.what]}")
        for name, (here, told) in change.fields.items():
            say(f"  {name}: {here!r} -> {told!r}")
