"""The reason in both languages, and what is watched of a model in service."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models


def told(apps: Any, _editor: Any) -> None:
    for model in apps.get_model("foresight", "ChurnModel").objects.exclude(reason=""):
        model.why = {"zh": model.reason, "en": model.reason}
        model.save(update_fields=["why"])


class Migration(migrations.Migration):
    dependencies = [("foresight", "0001_initial")]

    operations = [
        migrations.AddField(
            "churnmodel",
            "why",
            models.JSONField(default=dict, help_text="Why it serves or not, in words: {zh, en}."),
        ),
        migrations.RunPython(told, migrations.RunPython.noop),
        migrations.RemoveField("churnmodel", "reason"),
        migrations.AddField(
            "churnmodel",
            "drift",
            models.JSONField(
                default=dict, help_text="How far what it reads has moved since it was judged (risks.watching)."
            ),
        ),
        migrations.AddField(
            "churnmodel",
            "record",
            models.JSONField(
                default=dict, help_text="What was foretold in service against what came (risks.watching)."
            ),
        ),
    ]
