"""Long work that people start from pages, or the clock: loading a file, reading a connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import translation

from evergreen.base import clock, env, queries
from evergreen.base.jobs import beat, job_kind
from evergreen.base.models import Job


@job_kind("import")
def load_file(job: Job) -> dict[str, Any]:
    """Load a stored file. ``params``: ``file`` (its name in the home's files), ``name`` (what people call
    it), ``record``, ``mapping`` (a dict), ``dry_run``. The result is that of ``import_file`` with
    ``rejects`` as a name in the home's files.
    """
    from evergreen.events.imports.run import import_file
    from evergreen.events.sources.files import LoadError

    params = job.params
    path = env.home().files / Path(params["file"]).name

    def tell(step: str, done: int, total: int) -> None:
        beat(job, done=done, total=total, note=step, now=clock.utc_now())

    language = (job.created_by.language if job.created_by else "") or queries.setting("language")
    with translation.override(language):
        try:
            result = import_file(
                path,
                params["record"],
                params.get("mapping"),
                dry_run=bool(params.get("dry_run")),
                progress=tell,
                by=job.created_by,
                now=clock.utc_now(),
                name=params.get("name", ""),
            )
        except LoadError as error:
            raise ValidationError(str(error)) from error
        rejects = Path(result.rejects_path).name if result.rejects_path else ""
        return {
            **result.as_dict(),
            "rejects": rejects,
            "exit_code": result.exit_code,
            "said": result.summary_lines(),
        }


@job_kind("connection")
def read_connection(job: Job) -> dict[str, Any]:
    """Go on with the run of ``params`` {"run": id}: read its connection's streams and load them."""
    from evergreen.events.connections import running
    from evergreen.events.connections.models import ConnectionRun

    run = ConnectionRun.objects.select_related("connection", "by").filter(pk=job.params["run"]).first()
    if run is None or not run.is_open:
        return {"state": "gone", "rows": 0, "rejected": 0}
    with translation.override((run.by.language if run.by else "") or queries.setting("language")):
        try:
            return running.go_on(run, job)
        except running.RunError as error:
            raise ValidationError(str(error)) from error


@job_kind("replay")
def read_rejected_again(job: Job) -> dict[str, Any]:
    """Read rejected events again. ``params``: ``source``, ``reason`` ('' for every one), or ``corrected``, a list of
    {"origin", "position", "item", "body"} that are read with a new body. The result is that of ``replay_rejected``.
    """
    from dataclasses import asdict

    from evergreen.events import store
    from evergreen.events.replaying import Key, replay_rejected

    params = job.params
    corrected = {
        Key(one["origin"], one["position"], one["item"]): one["body"] for one in params.get("corrected", ())
    }
    with store.session() as con:
        done = replay_rejected(
            con,
            now=clock.utc_now(),
            source=params.get("source") or None,
            reason=params.get("reason") or None,
            corrected=corrected or None,
        )
    return asdict(done)
