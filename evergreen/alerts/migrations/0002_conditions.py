"""Rules of conditions, with their versions, the storm guard and days of grace before an alert closes."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("alerts", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            "alert",
            "gone_on",
            models.DateField(
                null=True,
                help_text="Since when the condition holds no more, while it waits for more nights of it.",
            ),
        ),
        migrations.AddField(
            "rule",
            "approved_on",
            models.DateField(null=True, help_text="The night whose alerts were approved."),
        ),
        migrations.AddField(
            "rule", "created_at", models.DateTimeField(default=django.utils.timezone.now), preserve_default=False
        ),
        migrations.AddField(
            "rule", "changed_at", models.DateTimeField(default=django.utils.timezone.now), preserve_default=False
        ),
        migrations.AddField(
            "rule",
            "created_by",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            "rule",
            "clear_nights",
            models.PositiveSmallIntegerField(
                default=1,
                help_text="An alert closes by itself when the condition was gone for so many days.",
            ),
        ),
        migrations.AddField(
            "rule",
            "condition",
            models.JSONField(default=dict, help_text="As base.conditions.to_data writes it."),
        ),
        migrations.AddField(
            "rule",
            "evaluated_version",
            models.PositiveIntegerField(
                default=0, help_text="Of its newest night; the first one of a version holds nothing."
            ),
        ),
        migrations.AddField(
            "rule",
            "held",
            models.JSONField(default=dict, help_text="What the storm guard held: {day, accounts, of}."),
        ),
        migrations.AddField("rule", "is_archived", models.BooleanField(default=False)),
        migrations.AddField(
            "rule",
            "kind",
            models.CharField(
                choices=[("detector", "detector"), ("condition", "condition")],
                default="detector",
                max_length=9,
            ),
        ),
        migrations.AddField(
            "rule",
            "most_share",
            models.FloatField(
                default=0.2, help_text="Of all accounts, in one night; more are held until somebody approves."
            ),
        ),
        migrations.AddField(
            "rule",
            "note",
            models.CharField(blank=True, help_text="What it is for and what to do.", max_length=300),
        ),
        migrations.AddField(
            "rule",
            "origin",
            models.CharField(
                choices=[("browser", "made here"), ("file", "kept in files")],
                default="browser",
                help_text="What is kept in files is not changed in the browser until it is detached.",
                max_length=7,
            ),
        ),
        migrations.AddField(
            "rule",
            "version",
            models.PositiveIntegerField(default=1, help_text="Counts what changes which alerts it raises."),
        ),
    ]
