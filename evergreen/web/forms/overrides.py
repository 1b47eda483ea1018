"""A person's verdict on a score: on what, the value, why, until when."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from evergreen.health.actions.overriding import MOST_DAYS
from evergreen.health.models import Override, Scorecard
from evergreen.health.rules import Card
from evergreen.web import formats

_DEFAULT_DAYS = 30


class OverrideForm(forms.Form):
    """``level`` and ``key`` say on what the verdict is."""

    what = forms.ChoiceField(label=_("What is set"))
    value = forms.FloatField(label=_("To"), min_value=0, max_value=100, help_text=_("0 to 100"))
    expires_on = forms.DateField(
        label=_("Until"), widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"),
        help_text=_("Then the figures decide again."),
    )  # fmt: skip
    reason = forms.CharField(
        label=_("Why"), max_length=300, widget=forms.Textarea({"rows": 2}),
        help_text=_("Whoever reads the score sees it."),
    )  # fmt: skip

    def __init__(
        self, *args: Any, scorecard: Scorecard | None, card: Card | None, today: dt.date, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.scorecard = scorecard
        what, until = self.fields["what"], self.fields["expires_on"]
        assert isinstance(what, forms.ChoiceField)
        what.choices = [(str(Override.Level.ACCOUNT), _("the whole score")), *_parts(card)]
        until.initial = today + dt.timedelta(days=_DEFAULT_DAYS)
        until.widget.attrs |= {
            "min": today.isoformat(),
            "max": (today + dt.timedelta(days=MOST_DAYS)).isoformat(),
        }

    @property
    def level(self) -> str:
        return str(self.cleaned_data["what"]).partition(":")[0]

    @property
    def key(self) -> str:
        return str(self.cleaned_data["what"]).partition(":")[2]


def _parts(card: Card | None) -> list[tuple[str, str]]:
    """Dimensions and measures of the account's scorecard; an additive one has none to set."""
    if card is None or card.additive:
        return []
    used = {measure.dimension for measure in card.measures}
    dimensions = [
        (
            f"{Override.Level.DIMENSION}:{key}",
            _("dimension %(name)s") % {"name": formats.named(dict(name)) or key},
        )
        for key, name in card.dimensions.items()
        if key in used
    ]
    measures = [
        (f"{Override.Level.MEASURE}:{one.key}", _("measure %(name)s") % {"name": formats.named(dict(one.name)) or one.key})
        for one in card.measures
    ]  # fmt: skip
    return [*dimensions, *measures]
