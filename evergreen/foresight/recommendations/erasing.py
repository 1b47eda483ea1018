"""What was shown to somebody is forgotten with them."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_delete
from django.dispatch import receiver

from evergreen.customers.models import Account
from evergreen.events.models import EndUser
from evergreen.foresight.recommendations.models import Exposure


def forget_account(account: Account) -> int:
    """Forget what was shown to an account and its people. Returns the rows."""
    return Exposure.objects.filter(account=account).delete()[0]


@receiver(post_delete, sender=EndUser, dispatch_uid="forget_exposures")
def _with_the_end_user(instance: EndUser, **_given: Any) -> None:
    """An end user is deleted by erasure alone (``events.erasure``)."""
    Exposure.objects.filter(end_user=instance.key, account=instance.account_id).exclude(end_user="").delete()
