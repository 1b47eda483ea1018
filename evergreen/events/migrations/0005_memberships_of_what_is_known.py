import datetime as dt
from itertools import islice

from django.db import migrations, models


def keep_what_is_known(apps, schema_editor):
    """Until now the last account of an end user was kept: it becomes the one membership told of it."""
    end_users = apps.get_model("events", "EndUser")
    memberships = apps.get_model("events", "Membership")
    end_users.objects.update(root=models.F("key"))
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    known = end_users.objects.exclude(account_key="").values_list(
        "pk", "source_id", "account_key", "known_at"
    )
    made = (
        memberships(
            source_id=source,
            end_user_id=pk,
            account_key=key,
            told_us=(at - epoch) // dt.timedelta(microseconds=1),
            message_id=f"known-{pk}",
        )
        for pk, source, key, at in known.iterator()
    )
    while batch := list(islice(made, 5_000)):
        memberships.objects.bulk_create(batch, batch_size=400)


class Migration(migrations.Migration):
    dependencies = [("events", "0004_end_users_hang_together")]

    operations = [migrations.RunPython(keep_what_is_known, migrations.RunPython.noop)]
