import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("base", "0002_user_has_one_time_password"),
        ("events", "0002_kpis"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Connection",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=30)),
                ("name", models.CharField(max_length=60, unique=True, verbose_name="name")),
                ("config", models.JSONField(default=dict)),
                ("credentials", models.TextField(blank=True, help_text="Sealed by base.vault.")),
                (
                    "feeds",
                    models.JSONField(
                        default=dict,
                        help_text="By stream: {on, mapping}; a mapping of null is the connector's own.",
                    ),
                ),
                (
                    "state",
                    models.JSONField(default=dict, help_text="By stream: how far it was read (dlt's state)."),
                ),
                (
                    "every_minutes",
                    models.PositiveIntegerField(
                        default=60, help_text="0: only when told to.", verbose_name="every (minutes)"
                    ),
                ),
                ("is_paused", models.BooleanField(default=False)),
                ("next_run_at", models.DateTimeField(blank=True, null=True)),
                (
                    "fresh_at",
                    models.DateTimeField(
                        blank=True, help_text="Everything that the source had by then is here.", null=True
                    ),
                ),
                ("created_at", models.DateTimeField()),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="ConnectionRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "why",
                    models.CharField(
                        choices=[
                            ("schedule", "by schedule"),
                            ("person", "started by hand"),
                            ("history", "back-fill"),
                            ("trial", "dry run"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("running", "running"),
                            ("paused", "paused"),
                            ("done", "done"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                (
                    "since",
                    models.DateTimeField(blank=True, help_text="A back-fill's first moment.", null=True),
                ),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("wake_at", models.DateTimeField(blank=True, null=True)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                (
                    "streams",
                    models.JSONField(
                        default=dict, help_text="By stream that is done: what became of its rows."
                    ),
                ),
                ("error", models.TextField(blank=True)),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="runs",
                        to="events.connection",
                    ),
                ),
                (
                    "job",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="base.job",
                    ),
                ),
            ],
            options={
                "ordering": ["-started_at", "-pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["waiting", "running", "paused"])),
                        fields=("connection",),
                        name="one_open_run_a_connection",
                    )
                ],
            },
        ),
    ]
