"""Say who somebody of WeCom is whom nobody knew: a contact, a new one of an account, or nobody of ours."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from evergreen.customers.models import Account, Contact
from evergreen.customers.queries import accounts_for
from evergreen.touches.codes import coming
from evergreen.web.presenters.codes.page import account_called
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


def name_person(
    request: StaffRequest, key: str, name: str, account: Account | None, aside: Callable[[], None]
) -> None:
    """Do what was posted: ``who`` is a contact's number, ``new`` (of ``account``, else of the one that was posted) or ``aside``. Says what came
    of it."""
    who = request.POST.get("who", "")
    try:
        if who == "new":
            account = account or account_called(request.user, request.POST.get("account", ""))
            if account is None:
                raise ValidationError(_("Say of which account this person is. Nothing was changed."))
            given = request.POST.get("name", "").strip()[:100]
            made = coming.make_contact(key, account, given or name or key, by=request.user, now=request.now)
            said = _("%(name)s is a contact of %(account)s now.")
            say(request, said % {"name": made.name, "account": account})
        elif who == "aside":
            aside()
            say(request, _("Nobody is asked about this person any more."))
        else:
            number = int(who) if who.isdecimal() and len(who) < 19 else 0
            contact = get_object_or_404(Contact, pk=number, account__in=accounts_for(request.user))
            coming.know(key, contact, by=request.user, now=request.now)
            say(request, _("%(name)s is known in WeCom now.") % {"name": contact.name})
    except ValidationError as error:
        complain(request, " ".join(error.messages))
