"""Alerts beyond what an owner gets a day."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("alerts", "0002_conditions")]

    operations = [
        migrations.AddField(
            "alert",
            "in_digest",
            models.BooleanField(
                default=False,
                help_text="Beyond what its owner gets a day: it starts nothing until somebody takes it up.",
            ),
        ),
        migrations.AddField(
            "alert",
            "freed_on",
            models.DateField(null=True, help_text="When it came out of the digest, as there was room."),
        ),
    ]
