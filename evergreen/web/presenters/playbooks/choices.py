"""What a step that writes may choose from: texts, people, ways out."""

from __future__ import annotations

from functools import cached_property

from django.utils.translation import gettext as _

from evergreen.touches.models import Channel, CustomerGroup, Medium, Survey, Template
from evergreen.touches.recipients import CONTACT_RECIPIENTS
from evergreen.web import formats
from evergreen.web.presenters.playbooks import words

Choices = list[tuple[str, str]]


class MessageChoices:
    """The choices of steps of kind message and webhook."""

    @cached_property
    def templates(self) -> Choices:
        rows = Template.objects.filter(is_archived=False).order_by("key")
        return [(one.key, formats.named(one.name)) for one in rows]

    @cached_property
    def surveys(self) -> Choices:
        return [(one.key, formats.named(one.name)) for one in Survey.objects.order_by("key")]

    @property
    def group_purposes(self) -> Choices:
        return [(key, str(label)) for key, label in CustomerGroup.Purpose.choices]

    @property
    def contacts_meant(self) -> Choices:
        return [(key, str(label)) for key, label in words.RECIPIENTS.items() if key in CONTACT_RECIPIENTS]

    @property
    def recipients(self) -> Choices:
        return [(key, str(label)) for key, label in words.RECIPIENTS.items()]

    @cached_property
    def ways_out(self) -> Choices:
        """Media and single channels that messages may go by."""
        media = [(key, str(label)) for key, label in Medium.choices if key != Medium.WEBHOOK]
        return media + [
            (one.key, one.name) for one in Channel.objects.exclude(kind="webhook").order_by("name")
        ]

    @cached_property
    def webhooks(self) -> Choices:
        return list(Channel.objects.filter(kind="webhook").order_by("name").values_list("key", "name"))

    @property
    def urgencies(self) -> Choices:
        return [("normal", _("normal")), ("high", _("urgent: before the others")), ("low", _("can wait"))]
