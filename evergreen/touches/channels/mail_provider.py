"""E-mail by a provider's API, as django-anymail speaks it: what is sent, and what the provider posts of it afterwards.

Anymail writes each provider's call and reads its posts; the call leaves through the gate, and its faults are those of the contract. Opens
and clicks are not read: they branch nothing here.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import urljoin

import requests
from anymail.exceptions import AnymailError, AnymailRecipientsRefused
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.utils.translation import gettext as _

from evergreen.base import clock
from evergreen.base.configurations import option
from evergreen.touches.channels.contract import (
    CONTACTS,
    Accepted,
    ChannelAdapter,
    Outgoing,
    RefusedError,
    UncertainError,
)
from evergreen.touches.channels.smtp.writing import letter
from evergreen.touches.channels.told import Heard, Posted
from evergreen.touches.channels.wire import asked, judged
from evergreen.touches.rules import address_key


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider as Anymail knows it: what it calls the key, what else it needs; a question that changes nothing, and how it is signed."""

    name: str
    probe: str
    signs: Callable[[MailProviderConfig], dict[str, Any]]
    key: str = "api_key"
    second: str = ""

    @property
    def module(self) -> str:
        return self.name.lower()


def _header(name: str, form: str = "%s") -> Callable[[MailProviderConfig], dict[str, Any]]:
    return lambda config: {"headers": {name: form % config.api_key}}


# Those whose posts are JSON and need no library of their own; SendGrid is left out, which Anymail supports no longer.
PROVIDERS = {
    "mailgun": Provider("Mailgun", "domains", lambda one: {"auth": ("api", one.api_key)}, second="sender_domain"),
    "postmark": Provider("Postmark", "server", _header("X-Postmark-Server-Token"), "server_token"),
    "brevo": Provider("Brevo", "account", _header("api-key")),
    "mailjet": Provider("Mailjet", "../v3/REST/apikey", lambda one: {"auth": (one.api_key, one.secret_key)}, second="secret_key"),
    "mailersend": Provider("MailerSend", "domains", _header("Authorization", "Bearer %s"), "api_token"),
    "sparkpost": Provider("SparkPost", "account", _header("Authorization")),
}  # fmt: skip
_KINDS = {
    "delivered": "delivered", "bounced": "bounced", "rejected": "bounced", "failed": "bounced", "complained": "complained",
    "unsubscribed": "unsubscribed",
}  # fmt: skip
# What Anymail calls the key of those that sign what they post.
_SIGNING = {"mailgun": "webhook_signing_key", "mailersend": "signing_secret"}
# Reasons for which an address is dead; others are about one mail, or about the sender.
_DEAD = frozenset({"bounced", "invalid"})
# Postmark tells of a wrong recipient with it.
_UNPROCESSABLE = 422


@dataclass(frozen=True)
class MailProviderConfig:
    provider: str = option(
        "服务商", "Provider", choices={key: (one.name, one.name) for key, one in PROVIDERS.items()},
    )  # fmt: skip
    api_key: str = option("API 密钥", "API key", secret=True, about=("Postmark 填 Server token，MailerSend 填 API token", "Postmark: the server token; MailerSend: the API token"))  # fmt: skip
    sender: str = option("发件地址", "From address", example="success@example.com")
    sender_name: str = option("发件人名称", "Sender's name", default="", example="常青客户成功")
    secret_key: str = option("第二密钥", "Second key", secret=True, default="", about=("只有 Mailjet 需要（Secret Key）", "Mailjet only (secret key)"))  # fmt: skip
    sender_domain: str = option("发信域名", "Sending domain", default="", about=("只有 Mailgun 需要；留空则取发件地址的域名", "Mailgun only; empty: the domain of the From address"))  # fmt: skip
    signing_key: str = option(
        "Webhook 签名密钥", "Webhook signing key", secret=True, default="",
        about=("只有 Mailgun、MailerSend 需要；其他服务商凭渠道的秘密地址", "Mailgun and MailerSend only; others are known by the channel's secret address"),
    )  # fmt: skip
    address: str = option("接口地址", "API address", default="", about=("留空用服务商的默认地址；Mailgun 欧盟区填 https://api.eu.mailgun.net/v3", "Empty: the provider's own; Mailgun in the EU: https://api.eu.mailgun.net/v3"))  # fmt: skip

    def __post_init__(self) -> None:
        if not address_key("mail", self.sender):
            raise ValueError(_("“%(found)s” is no e-mail address.") % {"found": self.sender})
        if self.provider == "mailjet" and not self.secret_key:
            raise ValueError(_("Mailjet needs its secret key beside the API key."))


class MailProvider(ChannelAdapter):
    kind = "mail_provider"
    medium = "mail"
    zh = "电子邮件（服务商接口）"
    en = "E-mail (provider's API)"
    about = (
        "Mailgun、Postmark、Brevo 等；服务器在境外，退信和投诉由回调告知",
        "Mailgun, Postmark, Brevo and others; bounces and complaints are posted; their servers stand abroad",
    )
    audience = CONTACTS
    Config = MailProviderConfig
    receipts = ("delivered", "bounced", "complained", "unsubscribed")
    thanks = ("text/plain", "")

    @property
    def _provider(self) -> Provider:
        return PROVIDERS[self.config.provider]

    def send(self, message: Outgoing) -> Accepted:
        made = letter(message, self.config.sender, self.config.sender_name)
        backend = self._backend()
        try:
            backend.send_messages([made])
        except AnymailRecipientsRefused as error:
            said = ", ".join(sorted(_status(error.email_message).status or ()))
            raise RefusedError(
                _("%(provider)s takes no mail to this address (%(said)s).")
                % {"provider": self._provider.name, "said": said},
                is_dead=True,
            ) from error
        except AnymailError as error:
            answer = getattr(error, "response", None)
            if answer is not None and answer.status_code < 300:
                # It was taken, perhaps; what the provider said of it cannot be read.
                raise UncertainError(str(error)[:250]) from error
            raise RefusedError(str(error)[:250]) from error
        return Accepted(str(_status(made).message_id or ""))

    def test(self) -> str:
        found = self._provider
        where = urljoin(self._backend().api_url, found.probe)
        judged(asked("GET", where, **found.signs(self.config)))
        return _("%(provider)s takes the key.") % {"provider": found.name}

    def heard(self, body: bytes, form: Mapping[str, str]) -> Sequence[Heard]:
        """The provider's posts of delivered, bounced, complained and unsubscribed mails; others say nothing."""
        with _understood():
            events = self._view().parse_events(_request(body))
        now = clock.utc_now()
        return [found for one in events if (found := _heard(one, now)) is not None]

    def proved(self, post: Posted) -> None:
        """Mailgun signs within what it posts, MailerSend in a header; the others do not sign."""
        if self.config.provider in _SIGNING and self.config.signing_key:
            with _understood():
                self._view().run_validators(_request(post.body, post.headers))

    def address_of(self, staff_email: str) -> str:
        return staff_email

    def _backend(self) -> Any:
        found = self._provider
        made = type("Gated", (_Gated, import_module(f"anymail.backends.{found.module}").EmailBackend), {})
        told = {found.key: self.config.api_key}
        if found.second == "sender_domain":
            told["sender_domain"] = self.config.sender_domain or self.config.sender.partition("@")[2]
        elif found.second:
            told[found.second] = self.config.secret_key
        if self.config.address:
            told["api_url"] = self.config.address
        return made(**told)

    def _view(self) -> Any:
        found = self._provider
        base = getattr(
            import_module(f"anymail.webhooks.{found.module}"),
            f"{found.name}TrackingWebhookView",
        )
        # The address of the door is the secret; Anymail would warn that there is no password beside it.
        made = type("Told", (base,), {"warn_if_no_basic_auth": False})
        name = _SIGNING.get(self.config.provider)
        return made(**({name: self.config.signing_key or "none"} if name else {}))


def _request(body: bytes, headers: Mapping[str, str] | None = None) -> WSGIRequest:
    """A post as Anymail's views read it."""
    told = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in (headers or {}).items()}
    return WSGIRequest(
        told | {
            "REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body),
            "SERVER_NAME": "localhost", "SERVER_PORT": "443",
        }
    )  # fmt: skip


@contextmanager
def _understood() -> Iterator[None]:
    """Whatever Anymail stumbles over in a post is a post that is none of the provider's."""
    try:
        yield
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        SuspiciousOperation,
        AnymailError,
    ) as error:
        raise ValueError(f"{type(error).__name__}: {error}"[:200]) from error


class _Gated:
    """Has Anymail's call leave through the gate, and its faults be ours."""

    api_url: str

    def post_to_esp(self, payload: Any, message: Any) -> requests.Response:
        told = dict(payload.get_request_params(self.api_url))
        told.pop("timeout", None)
        answer = asked(told.pop("method"), told.pop("url"), **told)
        if answer.status_code != _UNPROCESSABLE:
            judged(answer)
        backend: Any = self
        backend.raise_for_status(answer, payload, message)
        return answer


def _status(mail: Any) -> Any:
    """What Anymail wrote at a mail that it gave away."""
    return mail.anymail_status


def _heard(event: Any, now: dt.datetime) -> Heard | None:
    kind = _KINDS.get(event.event_type)
    if kind is None:
        return None
    raw = event.esp_event if isinstance(event.esp_event, Mapping) else {}
    is_soft = (
        "soft" in f"{raw.get('Type', '')}{raw.get('event', '')}".lower() or raw.get("hard_bounce") is False
    )
    said = " ".join(str(one) for one in (event.reject_reason, event.description, event.mta_response) if one)
    return Heard(
        kind, event.timestamp or now, provider_id=str(event.message_id or ""), address=str(event.recipient or ""), detail=said[:300],
        mark=str(event.event_id or "")[:100], is_permanent=event.event_type == "bounced" and event.reject_reason in _DEAD and not is_soft,
    )  # fmt: skip
