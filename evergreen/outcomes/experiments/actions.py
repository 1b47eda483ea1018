"""Experiments brought as a table: kept, set up and compared, decided, thrown away."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base import env
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.outcomes.experiments import tables
from evergreen.outcomes.experiments.comparing import Compared
from evergreen.outcomes.models import Experiment

State = Experiment.State


def bring(
    stored: str, file_name: str, *, name: str, hypothesis: str = "", by: User | None, now: dt.datetime
) -> Experiment:
    """Keep a table that lies among the home's files under ``stored``. Raises ValidationError for one that cannot be read."""
    table = tables.look(env.home().files / stored, file_name)
    experiment = Experiment(
        name=name.strip()[:120] or file_name[:120],
        hypothesis=hypothesis.strip()[:500],
        file=stored,
        file_name=file_name[:200],
        rows=table.rows,
        columns=[asdict(one) for one in table.columns],
        created_at=now,
        created_by=by,
    )
    with transaction.atomic():
        experiment.save()
        audit("experiment.brought", "experiment", [experiment.pk], by=by, now=now, after={"rows": table.rows})
    return experiment


def keep(
    found: Compared,
    *,
    name: str,
    arms: Mapping[str, str],
    origin: tuple[str, str],
    by: User | None,
    now: dt.datetime,
) -> Experiment:
    """Keep what a playbook's comparison says now, so that a decision may rest on it. ``arms``: their names by key; ``origin``: its
    kind and what it is of. Raises ValidationError where there is nothing to read yet."""
    if not found.readings or found.ratio is None:
        raise ValidationError(_("Nobody can be compared yet: there is nothing to keep."))
    control, *others = (arms[arm.key] for arm in found.arms)
    experiment = Experiment(
        name=name[:120],
        origin_kind=origin[0],
        origin_id=origin[1][:120],
        rows=found.units,
        state=State.COMPARED,
        setup={
            "arm": "", "control": control, "covariate": "",
            "outcomes": list(dict.fromkeys(one["outcome"] for one in found.readings)),
        },
        result=tables.plain({
            "arms": [{"name": arms[arm.key], "n": arm.units} for arm in found.arms],
            # Of all the arms together: the same for each.
            "ratios": dict.fromkeys(others, found.ratio),
            "readings": [{**one, "arm": arms[one["arm"]]} for one in found.readings],
            "covariate": "",
        }),
        created_at=now,
        created_by=by,
    )  # fmt: skip
    with transaction.atomic():
        experiment.save()
        audit("experiment.kept", "experiment", [experiment.pk], by=by, now=now, after={"of": origin[1]})
    return experiment


def compare(
    experiment: Experiment,
    *,
    arm: str,
    control: str,
    outcomes: Sequence[str],
    covariate: str = "",
    by: User | None,
    now: dt.datetime,
) -> Experiment:
    """Say what is compared, and compare it. Raises ValidationError by field; then nothing is changed."""
    if experiment.state == State.DECIDED:
        raise ValidationError(_("This experiment was decided: what it rests on is not changed any more."))
    if not experiment.file:
        raise ValidationError(_("This was read from a playbook on a day: read the playbook again instead."))
    setup = {"arm": arm, "control": control, "outcomes": list(outcomes), "covariate": covariate}
    path = env.home().files / experiment.file
    if not path.is_file():
        raise ValidationError(_("Its file is not there any more: bring it again."))
    result = tables.compare(
        path, experiment.file_name, arm=arm, control=control, outcomes=outcomes, covariate=covariate
    )
    with transaction.atomic():
        experiment.setup, experiment.result, experiment.state = setup, result, State.COMPARED
        experiment.save()
        audit("experiment.compared", "experiment", [experiment.pk], by=by, now=now, after=setup)
    return experiment


@transaction.atomic
def decide(
    experiment: Experiment, decision: str, *, reason: str, by: User | None, now: dt.datetime
) -> Experiment:
    """Write down what was decided and why. Raises ValidationError without a reason, or before anything was compared."""
    if decision not in Experiment.Decision.values:
        allowed = ", ".join(str(label) for _value, label in Experiment.Decision.choices)
        raise ValidationError(
            {
                "decision": _("Found %(found)s; allowed: %(allowed)s.")
                % {"found": decision or "-", "allowed": allowed}
            }
        )
    if not reason.strip():
        raise ValidationError({"reason": _("Say why, so that whoever reads it next year knows.")})
    if experiment.state == State.DRAFT:
        raise ValidationError(_("Compare first; then decide."))
    experiment.state, experiment.decision, experiment.reason = State.DECIDED, decision, reason.strip()[:500]
    experiment.decided_at, experiment.decided_by = now, by
    experiment.save()
    audit("experiment.decided", "experiment", [experiment.pk], by=by, now=now, after={"decision": decision})
    return experiment


def throw_away(experiment: Experiment, *, by: User | None, now: dt.datetime) -> None:
    """Delete an experiment with its file."""
    with transaction.atomic():
        audit(
            "experiment.thrown_away",
            "experiment",
            [experiment.pk],
            by=by,
            now=now,
            before={"name": experiment.name},
        )
        stored = experiment.file
        experiment.delete()
    if stored:
        (env.home().files / stored).unlink(missing_ok=True)
