from datetime import datetime

from django.db import migrations

TOGETHER = 500


def fill(apps, _schema):
    """Passages of runs from before, as far as their trails tell (the newest 60 steps of each)."""
    enrolment, passage = apps.get_model("playbooks", "Enrolment"), apps.get_model("playbooks", "Passage")
    versions = apps.get_model("playbooks", "PlaybookVersion").objects.values_list("pk", "definition")
    divides = {pk: _dividing(told) for pk, told in versions}
    asked = [pk for pk, steps in divides.items() if steps]
    seen, made = set(), []
    runs = enrolment.objects.filter(version__in=asked).order_by("entered_at", "pk")
    for run in runs.only("playbook_id", "version_id", "account_id", "trail").iterator(TOGETHER):
        for step, _visit, result, at in run.trail:
            key = (run.playbook_id, step, run.account_id)
            if step in divides[run.version_id] and result.startswith("to ") and key not in seen:
                seen.add(key)
                made.append(
                    passage(
                        playbook_id=run.playbook_id, version_id=run.version_id, account_id=run.account_id,
                        step=step, way=result[3:], at=datetime.fromisoformat(at),
                    )
                )  # fmt: skip
    passage.objects.bulk_create(made, batch_size=TOGETHER, ignore_conflicts=True)


def _dividing(told):
    steps = told.get("steps") if isinstance(told, dict) else None
    listed = [one for one in steps or [] if isinstance(one, dict)]
    return {one.get("key") for one in listed if one.get("kind") in ("split", "branch")}


class Migration(migrations.Migration):

    dependencies = [("playbooks", "0006_passages")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
