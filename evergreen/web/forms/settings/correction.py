"""A rejected event with the body that it should have had."""

from __future__ import annotations

from django import forms


class CorrectionForm(forms.Form):
    """``origin``, ``position`` and ``item`` name the event (``events.replaying.Key``)."""

    origin = forms.CharField(max_length=200)
    position = forms.IntegerField(min_value=0)
    item = forms.IntegerField(min_value=-1)
    body = forms.CharField(strip=False, max_length=100_000)
