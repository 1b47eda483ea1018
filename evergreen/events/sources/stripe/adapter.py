"""Stripe's lists can be asked for by the time of creation only, never by that of change. So the first run reads the
lists, and later runs hear from Stripe's events (kept for 30 days) which objects changed and read each of them as it
is now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base.configurations import option
from evergreen.events.sources import wire as wires
from evergreen.events.sources.adapter import GONE, Adapter, Asked, Row, SourceError, Stream
from evergreen.events.sources.stripe import rows as shapes
from evergreen.events.sources.wire import Wire

_PAGE = 100
_HEARD_SECONDS = 28 * 86_400
# More changed objects than this are cheaper to list than to read one by one.
_ONE_BY_ONE = 1_000
# A list begins anew so often when the place to go on from is gone.
_BEGINNINGS = 3
_LISTS = {
    "customers": ("/v1/customers", {}, shapes.customer),
    "subscriptions": ("/v1/subscriptions", {"status": "all", "expand[]": "data.items.data.price.product"}, shapes.subscription),
    "invoices": ("/v1/invoices", {}, shapes.invoice),
}  # fmt: skip
_EVENTS = {
    "customers": ("customer.created", "customer.updated", "customer.deleted"),
    "subscriptions": (
        "customer.subscription.created", "customer.subscription.updated", "customer.subscription.deleted",
        "customer.subscription.paused", "customer.subscription.resumed",
    ),
    "invoices": (
        "invoice.created", "invoice.finalized", "invoice.updated", "invoice.paid", "invoice.payment_failed",
        "invoice.voided", "invoice.marked_uncollectible", "invoice.deleted",
    ),
}  # fmt: skip
STREAMS = (
    Stream(
        "customers", "accounts", "客户", "Customers",
        {"columns": {"id": "id", "name": "display_name", "currency": "currency"}, "external_ids": {"stripe": "id"}},
        order="descending", makes_accounts=True,
    ),
    Stream(
        "subscriptions", "contracts", "订阅", "Subscriptions",
        {
            "format": {"money": "minor"},
            "columns": {
                "id": "id", "contract": "subscription", "account": "customer", "kind": {"constant": "subscription"},
                "title": "title", "seats": "quantity", "start": "start", "end": "end", "mrr": "mrr",
                "currency": "currency", "trial": "is_trial", "auto_renews": "auto_renews",
            },
        },
        order="descending",
    ),
    Stream(
        "invoices", "invoices", "账单", "Invoices",
        {
            "format": {"money": "minor"},
            "columns": {
                "id": "id", "account": "customer", "amount": "due_amount", "currency": "currency", "due": "due",
                "paid": "paid_amount", "paid_on": "paid_on", "issued": "issued", "tax_invoice": "number",
            },
        },
        order="descending",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class StripeConfig:
    api_key: str = option(
        "受限密钥", "Restricted key", secret=True, example="rk_live_…",
        about=("只需读取 Customers、Subscriptions、Products、Invoices、Events 的权限",
               "It needs to read Customers, Subscriptions, Products, Invoices and Events, nothing else"),
    )  # fmt: skip
    address: str = option("接口地址", "API address", default="https://api.stripe.com")


class StripeAdapter(Adapter):
    kind = "stripe"
    zh = "Stripe"
    en = "Stripe"
    Config = StripeConfig

    @property
    def streams(self) -> tuple[Stream, ...]:
        return STREAMS

    def wire_up(self, wire: Wire) -> None:
        wire.goes_to(self.config.address)
        wire.sign_in = wires.Header(Authorization=f"Bearer {self.config.api_key}")

    def test(self, wire: Wire) -> str:
        for path, _params, _shape in _LISTS.values():
            self._get(wire, path, {"limit": 1})
        self._get(wire, "/v1/events", {"limit": 1})
        return _("Stripe answers, and the key may read customers, subscriptions, invoices and events.")

    def read(self, stream: Stream, wire: Wire, asked: Asked) -> Any:
        import dlt

        def changed() -> Iterator[list[Row]]:
            state = dlt.current.resource_state()
            # Stripe's own clock: what changes from here on is heard by the next run.
            mark = self._newest_event(wire)
            heard = state.get("heard")
            shape = _LISTS[stream.name][2]
            if asked.since is not None or heard is None or (mark or 0) - heard > _HEARD_SECONDS:
                pages = self._listed(stream, wire, asked)
            else:
                pages = self._heard(stream, wire, asked, heard)
            for page in pages:
                yield [row for one in page for row in _rows(one, shape)]
            state["heard"] = mark or int(asked.now.timestamp()) - 86_400

        return dlt.resource(changed, name=stream.name)()

    def _listed(self, stream: Stream, wire: Wire, asked: Asked) -> Iterator[list[Row]]:
        path, params, _shape = _LISTS[stream.name]
        since = {"created[gte]": int(asked.since.timestamp())} if asked.since else {}
        return self._pages(wire, path, {**params, **since})

    def _heard(self, stream: Stream, wire: Wire, asked: Asked, since: int) -> Iterator[list[Row]]:
        path, params, _shape = _LISTS[stream.name]
        changed: dict[str, bool] = {}
        for page in self._pages(
            wire, "/v1/events", {"created[gte]": since, "types[]": list(_EVENTS[stream.name])}
        ):
            for event in page:
                there = event["data"]["object"]
                changed.setdefault(
                    str(there["id"]), event["type"].endswith(("customer.deleted", "invoice.deleted"))
                )
        if gone := [key for key, is_gone in changed.items() if is_gone]:
            yield [{"id": key, "deleted": True} for key in gone]
        if len(changed) > _ONE_BY_ONE:
            yield from self._pages(wire, path, params)
            return
        one = {"expand[]": "items.data.price.product"} if stream.name == "subscriptions" else {}
        for key in changed.keys() - set(gone):
            yield [self._one(wire, f"{path}/{key}", key, one)]

    def _one(self, wire: Wire, path: str, key: str, params: dict[str, Any]) -> Row:
        """An object as it is now; one that went meanwhile is told as deleted."""
        try:
            found: Row = self._get(wire, path, params)
        except SourceError as error:
            if error.status != 404:
                raise
            return {"id": key, "deleted": True}
        return found

    def _newest_event(self, wire: Wire) -> int | None:
        newest = self._get(wire, "/v1/events", {"limit": 1}).get("data") or []
        return int(newest[0]["created"]) if newest else None

    def _pages(self, wire: Wire, path: str, params: dict[str, Any]) -> Iterator[list[Row]]:
        """Pages of a list, newest first; the next one begins behind the last object of the one before."""
        after: dict[str, Any] = {}
        turns = 0
        while True:
            try:
                page = self._get(wire, path, {**params, "limit": _PAGE, **after})
            except SourceError as error:
                if not after or error.status not in {400, 404} or turns == _BEGINNINGS:
                    raise
                # The object behind which the page began is gone: the list begins anew.
                after, turns = {}, turns + 1
                continue
            found = page.get("data")
            if not isinstance(found, list):
                raise SourceError(_("%(path)s is not answered as Stripe does.") % {"path": path})
            yield found
            if not page.get("has_more"):
                return
            if not found:
                raise SourceError(
                    _("%(path)s says that there is more and shows nothing.") % {"path": path},
                    is_permanent=False,
                )
            after = {"starting_after": found[-1]["id"]}

    def _get(self, wire: Wire, path: str, params: dict[str, Any]) -> Any:
        return wire.client(self.config.address).get(path, params=params).json()


def _rows(one: Row, shape: Callable[[Row], Iterator[Row]]) -> Iterator[Row]:
    if one.get("deleted"):
        yield {"id": one["id"], GONE: True}
    else:
        yield from shape(one)
