"""The connectors there are. Adding one: its folder beside this file, its line here, docs/connectors.md, the changelog."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base.configurations import configured
from evergreen.events.sources.adapter import Adapter, SourceError

_WHERE = {
    "salesforce": "evergreen.events.sources.salesforce:SalesforceAdapter",
    "hubspot": "evergreen.events.sources.hubspot:HubspotAdapter",
    "zendesk": "evergreen.events.sources.zendesk:ZendeskAdapter",
    "stripe": "evergreen.events.sources.stripe:StripeAdapter",
    "wecom": "evergreen.events.sources.wecom:WecomAdapter",
    "jira": "evergreen.events.sources.jira:JiraAdapter",
    "mixpanel": "evergreen.events.sources.mixpanel:MixpanelAdapter",
    "posthog": "evergreen.events.sources.posthog:PosthogAdapter",
    "database": "evergreen.events.sources.database:DatabaseAdapter",
    "rest": "evergreen.events.sources.rest:RestAdapter",
}


def kinds() -> tuple[str, ...]:
    return tuple(_WHERE)


def adapter_class(kind: str) -> type[Adapter]:
    """The connector of that kind. Raises SourceError when there is none."""
    if kind not in _WHERE:
        raise SourceError(
            _("There is no connector “%(kind)s”. Allowed: %(kinds)s.")
            % {"kind": kind, "kinds": ", ".join(kinds())}
        )
    module, _colon, name = _WHERE[kind].partition(":")
    found: type[Adapter] = getattr(import_module(module), name)
    return found


def adapter(kind: str, given: Mapping[str, Any]) -> Adapter:
    """A connector with its configuration, secrets among it. Raises SourceError with every mistake."""
    found = adapter_class(kind)
    config, problems = configured(found.Config, given, errors=(SourceError, ValueError))
    if problems:
        raise SourceError("\n".join(problems))
    return found(config)


def fields(kind: str) -> tuple[dataclasses.Field[Any], ...]:
    """The configuration of a kind, field by field."""
    return dataclasses.fields(adapter_class(kind).Config)
