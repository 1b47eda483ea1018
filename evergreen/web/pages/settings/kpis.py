"""KPIs that the vendor declares, and the keys by which programs send their values."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.events.kpis import queries
from evergreen.events.kpis.actions import declare_kpi, delete_kpi, update_kpi
from evergreen.events.kpis.models import Kpi
from evergreen.web import formats
from evergreen.web.api.keys import create_api_key, revoke_api_key
from evergreen.web.api.models import ApiKey
from evergreen.web.configuring import configurers
from evergreen.web.forms.errors import add_errors
from evergreen.web.forms.settings.kpis import ApiKeyForm, KpiForm
from evergreen.web.presenters.kpis import declared_line, rights_words
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


@configurers
@require_GET
def kpis(request: StaffRequest) -> HttpResponse:
    """What is declared, and how much it holds."""
    lines = [declared_line(one) for one in queries.declared()]
    return render(request, "pages/settings/kpis.html", {"lines": lines})


@configurers
@require_http_methods(["GET", "POST"])
def new_kpi(request: StaffRequest) -> HttpResponse:
    form = KpiForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        changes = form.changes
        try:
            declare_kpi(
                form.cleaned_data["key"], changes.pop("name"), by=request.user, now=request.now, **changes
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            return _done(request, _("%(name)s is declared and takes values."), form.names)
    return _page(request, form)


@configurers
@require_http_methods(["GET", "POST"])
def kpi(request: StaffRequest, kpi_id: int) -> HttpResponse:
    shown = get_object_or_404(Kpi, pk=kpi_id)
    form = KpiForm.of(shown, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            update_kpi(shown, form.changes, by=request.user, now=request.now)
        except ValidationError as error:
            add_errors(form, error)
        else:
            return _done(request, _("%(name)s was changed."), form.names)
    return _page(request, form)


def _page(request: StaffRequest, form: KpiForm) -> HttpResponse:
    return render(request, "pages/settings/kpi.html", {"form": form}, status=422 if form.errors else 200)


def _done(request: StaffRequest, words: str, names: dict[str, str]) -> HttpResponse:
    say(request, words % {"name": formats.named(names)})
    return HttpResponseRedirect(reverse("settings-kpis"))


@configurers
@require_POST
def kpi_removal(request: StaffRequest, kpi_id: int) -> HttpResponse:
    found = get_object_or_404(Kpi, pk=kpi_id)
    name = formats.named(found.name)
    try:
        delete_kpi(found, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
        return HttpResponseRedirect(reverse("settings-kpi", args=[kpi_id]))
    return _done(request, _("%(name)s was deleted."), {"en": name, "zh": name})


@configurers
@require_http_methods(["GET", "POST"])
@sensitive_variables("key")
def api_keys(request: StaffRequest) -> HttpResponse:
    """Every key of the API; POST makes one and shows it this once."""
    form = ApiKeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            key = create_api_key(
                given["name"], given["rights"], staff=given["staff"], by=request.user, now=request.now
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            context = {
                "name": given["name"],
                "key": key,
                "host": request.build_absolute_uri("/").rstrip("/"),
            }
            return render(request, "pages/settings/api_key_once.html", context)
    keys = [(key, rights_words(key)) for key in ApiKey.objects.select_related("staff")]
    context = {"keys": keys, "form": form}
    return render(request, "pages/settings/api_keys.html", context, status=422 if form.errors else 200)


@configurers
@require_POST
def api_key_revocation(request: StaffRequest, key_id: int) -> HttpResponse:
    key = get_object_or_404(ApiKey, pk=key_id)
    revoke_api_key(key, by=request.user, now=request.now)
    said = _("The key %(hint)s… of %(name)s is taken back; the next request with it is refused.")
    say(request, said % {"hint": key.hint, "name": key.name})
    return HttpResponseRedirect(reverse("settings-api-keys"))


urls = [
    path("settings/kpis/", kpis, name="settings-kpis"),
    path("settings/kpis/new/", new_kpi, name="settings-kpi-new"),
    path("settings/kpis/<int:kpi_id>/", kpi, name="settings-kpi"),
    path("settings/kpis/<int:kpi_id>/removal/", kpi_removal, name="settings-kpi-removal"),
    path("settings/api-keys/", api_keys, name="settings-api-keys"),
    path(
        "settings/api-keys/<int:key_id>/revocation/", api_key_revocation, name="settings-api-key-revocation"
    ),
]
