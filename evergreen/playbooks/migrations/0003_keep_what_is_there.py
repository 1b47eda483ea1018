"""Playbooks, versions and runs of before in their new form: steps get keys, a run's cause becomes its occasion."""

from django.db import migrations

_TOGETHER = 1_000


def _keys(steps):
    """A key a step: its kind, with its place where there are several of one kind."""
    kinds = [step.get("kind", "step") for step in steps]
    return [kind if kinds.count(kind) == 1 else f"{kind}_{n}" for n, kind in enumerate(kinds, start=1)]


def forward(apps, schema_editor):
    Playbook = apps.get_model("playbooks", "Playbook")
    Enrolment = apps.get_model("playbooks", "Enrolment")
    keys_of = {}
    for playbook in Playbook.objects.all():
        versions = list(playbook.versions.order_by("number"))
        for version in versions:
            keys = _keys(version.steps)
            steps = [
                {"key": key, **step, **({"for_alert": True} if step.get("kind") == "task" else {})}
                for key, step in zip(keys, version.steps)
            ]
            version.definition = {
                "triggers": [{"kind": "alert", "rules": playbook.trigger.get("rules", "*")}],
                "reentry": "each_time",
                "per": "occasion",
                "steps": steps,
            }
            version.state = "published" if version == versions[-1] else "retired"
            version.changed_at = version.published_at
            version.save()
            keys_of[version.pk] = (playbook.pk, playbook.key, keys or ["end"])
        if versions:
            playbook.created_at = playbook.changed_at = versions[0].published_at
            playbook.save()
    after = 0
    while rows := list(Enrolment.objects.filter(pk__gt=after).order_by("pk")[:_TOGETHER]):
        for run in rows:
            run.playbook_id, key, keys = keys_of[run.version_id]
            run.occasion = run.key.removeprefix(f"{key}:")
            run.lane = run.occasion
            run.step = keys[min(run.step_number, len(keys) - 1)]
            run.visit = run.step_number + 1
            run.step_since = run.ended_at or run.entered_at
            run.reason = {"done": "end", "left": "exit"}.get(run.state, "")
            if run.state == "waiting" and run.wake_at is None:
                run.wake_at = run.entered_at
        fields = ["playbook", "occasion", "lane", "step", "visit", "step_since", "reason", "wake_at"]
        Enrolment.objects.bulk_update(rows, fields, batch_size=200)
        after = rows[-1].pk


class Migration(migrations.Migration):

    dependencies = [('playbooks', '0002_versions_and_runs')]

    operations = [migrations.RunPython(forward, migrations.RunPython.noop)]
