"""Products, their features and editions."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from evergreen.customers.actions import catalogue
from evergreen.customers.models import Edition, Feature, Product
from evergreen.events import rollup, store, traffic
from evergreen.web import formats
from evergreen.web.configuring import configurers
from evergreen.web.forms.settings.catalogue import EditionForm, FeatureForm, ProductForm
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import say

UNNAMED_DAYS, UNNAMED_ROWS = 28, 20
_EVER = dt.date(1970, 1, 1)


@configurers
@require_http_methods(["GET", "POST"])
def products(request: StaffRequest) -> HttpResponse:
    """What is sold; POST adds a product."""
    form = ProductForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        key = form.cleaned_data["key"]
        catalogue.add_product(key, form.names, by=request.user, now=request.now)
        say(request, _("%(name)s is added.") % {"name": formats.named(form.names)})
        return HttpResponseRedirect(request.path)
    since = request.today - dt.timedelta(days=UNNAMED_DAYS - 1)
    rows = Product.objects.prefetch_related("features__editions", "editions__features").order_by("pk")
    context = {"products": rows, "form": form, "unnamed": traffic.unnamed(since, UNNAMED_ROWS)}
    return render(request, "pages/settings/products.html", context, status=422 if form.errors else 200)


@configurers
@require_http_methods(["GET", "POST"])
def new_feature(request: StaffRequest, product_id: int) -> HttpResponse:
    product = get_object_or_404(Product, pk=product_id)
    event = request.GET.get("event", "")
    form = FeatureForm(request.POST or None, product=product, initial={"matchers": event, "en": event})
    if request.method == "POST" and form.is_valid():
        key = form.cleaned_data["key"]
        catalogue.add_feature(product, key, by=request.user, now=request.now, **form.changes)
        _roll_up_again()
        return _done(request, form.names)
    return _feature_page(request, form)


@configurers
@require_http_methods(["GET", "POST"])
def feature(request: StaffRequest, feature_id: int) -> HttpResponse:
    """A feature; a change of what shows its use has every day rolled up again."""
    shown = get_object_or_404(Feature.objects.select_related("product"), pk=feature_id)
    if request.method == "GET":
        return _feature_page(request, FeatureForm.of(shown))
    form = FeatureForm(request.POST, product=shown.product, feature=shown, initial={"key": shown.key})
    if form.is_valid():
        if catalogue.update_feature(shown, form.changes, by=request.user, now=request.now):
            _roll_up_again()
        return _done(request, form.names)
    return _feature_page(request, form)


def _roll_up_again() -> None:
    """Have the next night read every day again by the new matchers, once the change is kept."""

    def mark() -> None:
        with store.session() as con, store.transaction(con):
            rollup.mark_stale(con, _EVER)

    transaction.on_commit(mark)


def _feature_page(request: StaffRequest, form: FeatureForm) -> HttpResponse:
    return render(request, "pages/settings/feature.html", {"form": form}, status=422 if form.errors else 200)


@configurers
@require_http_methods(["GET", "POST"])
def new_edition(request: StaffRequest, product_id: int) -> HttpResponse:
    product = get_object_or_404(Product, pk=product_id)
    form = EditionForm(request.POST or None, product=product)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            made = catalogue.add_edition(
                product, form.cleaned_data["key"], form.names, [], by=request.user, now=request.now
            )
            _hold(made, form, request)
        return _done(request, form.names)
    return render(request, "pages/settings/edition.html", {"form": form}, status=422 if form.errors else 200)


@configurers
@require_http_methods(["GET", "POST"])
def edition(request: StaffRequest, edition_id: int) -> HttpResponse:
    shown = get_object_or_404(Edition.objects.select_related("product"), pk=edition_id)
    form = EditionForm.of(shown)
    if request.method == "POST":
        form = EditionForm(request.POST, product=shown.product, edition=shown, initial={"key": shown.key})
        if form.is_valid():
            _hold(shown, form, request)
            return _done(request, form.names)
    return render(request, "pages/settings/edition.html", {"form": form}, status=422 if form.errors else 200)


def _hold(shown: Edition, form: EditionForm, request: StaffRequest) -> None:
    catalogue.update_edition(
        shown,
        form.names,
        form.cleaned_data["features"],
        holds_all=form.cleaned_data["holds_all"],
        limits=form.cleaned_data["limits"],
        by=request.user,
        now=request.now,
    )


def _done(request: StaffRequest, names: dict[str, str]) -> HttpResponse:
    said = _("%(name)s is kept. Figures follow with the next night.")
    say(request, said % {"name": formats.named(names)})
    return HttpResponseRedirect(reverse("settings-products"))


urls = [
    path("settings/products/", products, name="settings-products"),
    path("settings/products/<int:product_id>/features/", new_feature, name="settings-feature-new"),
    path("settings/products/<int:product_id>/editions/", new_edition, name="settings-edition-new"),
    path("settings/features/<int:feature_id>/", feature, name="settings-feature"),
    path("settings/editions/<int:edition_id>/", edition, name="settings-edition"),
]
