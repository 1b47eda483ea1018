"""Messages as channels get them: text in its forms, the person's name, where one refuses further ones."""

from __future__ import annotations

from collections.abc import Sequence

from django.core import signing

from evergreen.base.languages import in_words
from evergreen.base.models import User
from evergreen.base.queries import setting
from evergreen.customers.models import Account, Contact
from evergreen.events.scales import SCALES
from evergreen.touches import composing
from evergreen.touches.channels.contract import Outgoing
from evergreen.touches.models import CustomerGroup, Medium, Message, Topic
from evergreen.touches.surveys.defaults import ENDS

SALT = "evergreen.touches.refusal"


def token_of(message: Message) -> str:
    """What a link of refusal carries: it names a message, and nobody can make one up."""
    return signing.Signer(salt=SALT).sign(message.key)


def message_of(token: str) -> Message | None:
    """The message that a link of refusal came with; None for a forged one or one whose message was erased."""
    try:
        key = signing.Signer(salt=SALT).unsign(token)
    except signing.BadSignature:
        return None
    return Message.objects.select_related("contact", "account").filter(key=key).first()


def refuse_at(message: Message) -> str:
    """Where a contact refuses further messages of this topic; '' for staff, for what cannot be refused, and where the public
    address of this installation is not set."""
    base = str(setting("public_url")).rstrip("/")
    if message.contact_id is None or message.topic == Topic.SERVICE or not base:
        return ""
    return f"{base}/refusals/{token_of(message)}/"


def _scale(message: Message) -> composing.Scale | None:
    """The marks of a survey's invitation. A click opens the page with its mark chosen; nothing is answered by it."""
    told = message.data.get("scale")
    if not told:
        return None
    low, high = (in_words(end, message.language) for end in ENDS[told["kind"]])
    least, most = SCALES[told["kind"]]
    marks = tuple((mark, f"{told['link']}?score={mark}") for mark in range(least, most + 1))
    return composing.Scale(marks, low, high)


def letters(messages: Sequence[Message]) -> dict[int, Outgoing]:
    """Each message as its channel gets it, by its number. Two or three queries for all of them."""
    contacts = Contact.objects.in_bulk({one.contact_id for one in messages if one.contact_id})
    staff = User.objects.in_bulk({one.staff_id for one in messages if one.staff_id})
    accounts = Account.objects.select_related("owner").in_bulk(
        {one.account_id for one in messages if one.account_id}
    )
    groups = CustomerGroup.objects.in_bulk({one.group_id for one in messages if one.group_id})
    vendor = str(setting("vendor_name"))
    found = {}
    for one in messages:
        person: Contact | User | None = contacts.get(one.contact_id or 0) or staff.get(one.staff_id or 0)
        account, group = accounts.get(one.account_id or 0), groups.get(one.group_id or 0)
        owner = account.owner if account is not None else None
        link = refuse_at(one)
        text, html = composing.plain(one.body), ""
        if one.medium == Medium.MAIL:
            text, html = composing.mail(
                one.body, language=one.language, vendor=vendor, refuse_at=link, scale=_scale(one)
            )
        found[one.pk] = Outgoing(
            key=one.key,
            address=one.address,
            name=str(person or group or ""),
            subject=one.subject,
            text=text,
            markdown=composing.unescaped(one.body),
            html=html,
            language=one.language,
            reply_to=owner.email if owner is not None and owner.is_active and one.contact_id else "",
            sender=group.owner_key
            if group is not None
            else owner.email
            if owner is not None and owner.is_active
            else "",
            refuse_at=link,
            data=one.data,
        )
    return found
