"""The page beside a chat in WeCom (聊天工具栏): opened by WeCom, signed in by it, acting with the person's own rights."""

from __future__ import annotations

import datetime as dt
import logging
import secrets

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.crypto import constant_time_compare
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from evergreen.base import clock
from evergreen.base.actions import audit
from evergreen.base.queries import setting
from evergreen.customers.actions import add_note
from evergreen.customers.models import Account, Contact
from evergreen.customers.queries import accounts_for
from evergreen.touches.addressing import SYSTEMS
from evergreen.touches.beside import sending, signing
from evergreen.touches.channels.contract import ChannelError
from evergreen.touches.channels.wecom.app import WecomApp, verified
from evergreen.touches.codes.coming import know, make_contact
from evergreen.touches.models import Channel, Medium, Template
from evergreen.web.chosen import day_named
from evergreen.web.presenters.account.heading import may_edit
from evergreen.web.presenters.beside import Beside
from evergreen.web.requests import SignedOutRequest, StaffRequest
from evergreen.work.actions import add_task

log = logging.getLogger(__name__)
_STATE = "beside_state"
_STATE_LIVES = dt.timedelta(minutes=10)
# What WeCom's own browser says of itself.
_WECOM = "wxwork"


@login_not_required
@never_cache
@require_GET
def show(request: SignedOutRequest, key: str) -> HttpResponse:
    """The page itself; whoever is not signed in is, by WeCom inside it and by the usual page elsewhere."""
    channel = _channel(key)
    inside = _WECOM in request.headers.get("user-agent", "").lower()
    if not request.user.is_authenticated:
        if not inside:
            return HttpResponseRedirect(f"{reverse('sign-in')}?{urlencode({'next': request.path})}")
        return _to_wecom(request, channel)
    context = {
        "channel": channel, "inside": inside, "corp": channel.config.get("corp_id", ""), "agent": channel.config.get("agent_id", ""),
    }  # fmt: skip
    return render(request, "pages/beside/page.html", context)


def _to_wecom(request: HttpRequest, channel: Channel) -> HttpResponse:
    base = str(setting("public_url"))
    if not base:
        return _trouble(
            request,
            _("The public address of this installation is not set: an administrator sets it under Settings."),
        )
    state = secrets.token_urlsafe(16)
    request.session[_STATE] = [state, clock.utc_now().isoformat()]
    back = base.rstrip("/") + reverse("beside-entry", args=[channel.key])
    try:
        return HttpResponseRedirect(signing.pages_of(channel).sign_in_address(back, state))
    except ValueError as error:
        return _trouble(request, str(error))


@login_not_required
@never_cache
@require_GET
def entry(request: HttpRequest, key: str) -> HttpResponse:
    """Back from WeCom with a code: good once, and only in the browser that was sent there."""
    channel = _channel(key)
    kept, at = request.session.pop(_STATE, ["", ""])
    given = request.GET.get("state", "")
    fresh = bool(at) and clock.utc_now() - dt.datetime.fromisoformat(at) < _STATE_LIVES
    if not kept or not fresh or not constant_time_compare(kept, given):
        return _trouble(
            request, _("This sign-in was not begun here, or too long ago. Open the page from the chat again.")
        )
    try:
        member, user = signing.person_behind(channel, request.GET.get("code", "")[:512])
    except (ChannelError, ValueError) as error:
        log.warning("Nobody could be signed in by %s: %s", channel.key, error)
        return _trouble(request, _("WeCom did not say who you are: %(error)s") % {"error": error})
    if user is None:
        said = _("Nobody here has the WeCom userid “%(member)s”. An administrator adds “%(member)s: your e-mail address” to the members of the channel “%(channel)s”.")  # fmt: skip
        return _trouble(request, said % {"member": member, "channel": channel.name})
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    audit("staff.signed_in", "user", [user.pk], by=user, now=clock.utc_now(), after={"by": channel.key})
    return HttpResponseRedirect(reverse("beside", args=[channel.key]))


def _trouble(request: HttpRequest, said: str) -> HttpResponse:
    return render(request, "pages/beside/trouble.html", {"said": said}, status=403)


@require_GET
def signed(request: StaffRequest, key: str) -> HttpResponse:
    """The signature by which the page's script may speak to WeCom: of this page's own address alone."""
    channel, kind, url = _channel(key), request.GET.get("kind", ""), request.GET.get("url", "")
    own = str(setting("public_url")).rstrip("/") + reverse("beside", args=[channel.key])
    if kind not in signing.KINDS or url.partition("#")[0].partition("?")[0] != own:
        return JsonResponse({"error": f"Only {own} is signed."}, status=400)
    try:
        return JsonResponse(signing.signed(channel, kind, url, now=request.now))
    except (ChannelError, ValueError) as error:
        return JsonResponse({"error": str(error)}, status=502)


@require_GET
def who(request: StaffRequest, key: str) -> HttpResponse:
    """What stands beside a chat: with whom it is says the address."""
    return _side(request, _channel(key))


def _side(
    request: StaffRequest, channel: Channel, *, said: str = "", problem: str = "", status: int = 200
) -> HttpResponse:
    told = request.GET if request.method == "GET" else request.POST
    side = Beside(
        request.user, external=told.get("external", ""), chat=told.get("chat", ""), contact=told.get("contact", ""),
        account=told.get("account", ""), text=told.get("q", ""), today=request.today, now=request.now,
        currency=request.vendor["currency"],
    )  # fmt: skip
    context = {"side": side, "channel": channel, "said": said, "problem": problem, "today": request.today}
    return render(request, "pages/beside/side.html", context, status=status)


@require_POST
def knowing(request: StaffRequest, key: str) -> HttpResponse:
    """Say who a stranger is: a contact, or a new one of an account. WeCom's id is kept with the contact."""
    channel = _writers(request, key)
    external = request.POST.get("external", "")[:64]
    visible = accounts_for(request.user)
    try:
        if not external:
            raise ValidationError(_("WeCom named nobody. Open the page from the chat again."))
        if request.POST.get("new"):
            number = _number(request.POST.get("new", ""))
            account = get_object_or_404(visible, pk=number)
            name = request.POST.get("name", "").strip()[:100]
            contact = make_contact(external, account, name, by=request.user, now=request.now)
        else:
            number = _number(request.POST.get("contact", ""))
            contact = get_object_or_404(Contact, pk=number, account__in=visible)
            know(external, contact, by=request.user, now=request.now)
    except ValidationError as error:
        return _side(request, channel, problem=" ".join(error.messages), status=422)
    return _side(request, channel, said=_("%(name)s is known in WeCom now.") % {"name": contact.name})


@require_POST
def note(request: StaffRequest, key: str) -> HttpResponse:
    channel, account = _writers(request, key), _account(request)
    try:
        add_note(account, request.POST.get("body", ""), by=request.user, now=request.now)
    except ValidationError as error:
        return _side(request, channel, problem=" ".join(error.messages), status=422)
    return _side(request, channel, said=_("The note is kept."))


@require_POST
def task(request: StaffRequest, key: str) -> HttpResponse:
    """A task of mine on the account whose chat it is."""
    channel, account = _writers(request, key), _account(request)
    due = request.POST.get("due", "")
    try:
        add_task(
            account=account, title=request.POST.get("title", ""), assignee=request.user, by=request.user, now=request.now,
            due_on=day_named(due) if due else None,
        )  # fmt: skip
    except ValidationError as error:
        return _side(request, channel, problem=" ".join(error.messages), status=422)
    return _side(request, channel, said=_("The task is on your list."))


@require_POST
def sent(request: StaffRequest, key: str) -> HttpResponse:
    """WeCom said that a text went into the chat: it is written down as a touch."""
    channel = _writers(request, key)
    contact = _contact(request)
    template = get_object_or_404(Template, key=request.POST.get("template", ""), is_archived=False)
    if contact is None:
        raise Http404("Nobody is named to whom it went.")
    text = next(
        (text for one, text in sending.material(contact, now=request.now) if one.pk == template.pk), ""
    )
    sending.sent(channel, contact, template, text, by=request.user, now=request.now)
    return _side(request, channel, said=_("Sent; it stands in the timeline."))


def _contact(request: StaffRequest) -> Contact | None:
    """The contact that a form names: by its number, else by WeCom's id."""
    rows = Contact.objects.filter(account__in=accounts_for(request.user)).select_related("account")
    if number := _number(request.POST.get("contact", "")):
        return rows.filter(pk=number).first()
    external = request.POST.get("external", "")
    if not external:
        return None
    return rows.filter(external_ids__system=SYSTEMS[Medium.WECOM], external_ids__value=external).first()


def _account(request: StaffRequest) -> Account:
    """The account of the contact whom a form names, else the one that it names itself."""
    contact = _contact(request)
    if contact is not None:
        return contact.account
    return get_object_or_404(accounts_for(request.user), pk=_number(request.POST.get("account", "")))


def _writers(request: StaffRequest, key: str) -> Channel:
    if not may_edit(request.user):
        raise Http404("Whoever may only look changes nothing.")
    return _channel(key)


def _channel(key: str) -> Channel:
    return get_object_or_404(Channel, key=key, kind=WecomApp.kind, is_on=True)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else 0


@login_not_required
@require_GET
def proof(request: HttpRequest, word: str) -> HttpResponse:
    """The file by which WeCom knows that a domain is ours (可信域名), as it stands in a channel's settings."""
    for channel in Channel.objects.filter(kind=WecomApp.kind):
        found = verified(str(channel.config.get("verify_file") or ""))
        if found is not None and found[0] == f"WW_verify_{word}.txt":
            return HttpResponse(found[1], content_type="text/plain; charset=utf-8")
    raise Http404("No channel has this file.")


urls = [
    path("sidebar/<slug:key>/", show, name="beside"),
    path("sidebar/<slug:key>/entry/", entry, name="beside-entry"),
    path("sidebar/<slug:key>/signature/", signed, name="beside-signature"),
    path("sidebar/<slug:key>/who/", who, name="beside-who"),
    path("sidebar/<slug:key>/person/", knowing, name="beside-person"),
    path("sidebar/<slug:key>/note/", note, name="beside-note"),
    path("sidebar/<slug:key>/task/", task, name="beside-task"),
    path("sidebar/<slug:key>/sent/", sent, name="beside-sent"),
    path("WW_verify_<slug:word>.txt", proof, name="wecom-proof"),
]
