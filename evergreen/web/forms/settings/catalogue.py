"""Products, features with their matchers, and editions as they are written."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from evergreen.customers.models import Edition, Feature, Product
from evergreen.web import formats

MOST_MATCHERS = 200
_LINE = re.compile(r"^(?P<event>.+?)(?:\s+where\s+(?P<property>[^=]+?)\s*=\s*(?P<value>.+))?$")


class _Named(forms.Form):
    zh = forms.CharField(label=_("Name in Chinese"), max_length=100, required=False)
    en = forms.CharField(label=_("Name in English"), max_length=100, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("zh") and not cleaned.get("en"):
            self.add_error("zh", _("Write a name in one of the two languages."))
        return cleaned

    @property
    def names(self) -> dict[str, str]:
        zh, en = self.cleaned_data.get("zh", ""), self.cleaned_data.get("en", "")
        return {"zh": zh or en, "en": en or zh}


def _key(label: Any = None) -> forms.SlugField:
    return forms.SlugField(
        label=_("Key"),
        max_length=60,
        allow_unicode=True,
        help_text=_("Letters, digits, - and _; imports and events may name it so. It stays as it is."),
    )


class ProductForm(_Named):
    key = _key()

    def clean_key(self) -> str:
        key = str(self.cleaned_data["key"])
        if Product.objects.filter(key=key).exists():
            raise forms.ValidationError(_("A product has this key already."))
        return key


class FeatureForm(_Named):
    """``matchers`` is a line each: ``event`` or ``event where property = value``; * and ? are wild."""

    key = _key()
    is_core = forms.BooleanField(label=_("Core: what customers buy the product for"), required=False)
    is_advanced = forms.BooleanField(label=_("Advanced: used by those who go far"), required=False)
    adds_data = forms.BooleanField(label=_("Adds data: uploads, records created"), required=False)
    matchers = forms.CharField(
        label=_("Events that show its use"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea({"rows": 5, "spellcheck": "false"}),
        help_text=_(
            "A line each: an event's name or a pattern such as export_*, and if needed “where property = value”. "
            "Exact names win; otherwise the first line that fits."
        ),
    )

    def __init__(self, *args: Any, product: Product, feature: Feature | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.product, self.feature = product, feature
        if feature is not None:
            self.fields["key"].disabled = True

    @classmethod
    def of(cls, feature: Feature) -> FeatureForm:
        stored = {
            "key": feature.key,
            "zh": feature.name.get("zh", ""),
            "en": feature.name.get("en", ""),
            "is_core": feature.is_core,
            "is_advanced": feature.is_advanced,
            "adds_data": feature.adds_data,
            "matchers": matcher_lines(feature.matchers),
        }
        return cls(initial=stored, product=feature.product, feature=feature)

    def clean_key(self) -> str:
        key = str(self.cleaned_data["key"])
        if self.feature is None and self.product.features.filter(key=key).exists():
            raise forms.ValidationError(_("A feature of this product has this key already."))
        return key

    def clean_matchers(self) -> list[dict[str, str]]:
        lines = [line.strip() for line in str(self.cleaned_data["matchers"]).splitlines() if line.strip()]
        if len(lines) > MOST_MATCHERS:
            raise forms.ValidationError(
                _("%(found)s lines are given, at most %(most)s are allowed.")
                % {"found": len(lines), "most": MOST_MATCHERS}
            )
        wrong = [line for line in lines if " where " in f" {line} " and not _parts(line).get("property")]
        if wrong:
            raise forms.ValidationError(
                _("“%(line)s” cannot be read: write “event where property = value”.") % {"line": wrong[0]}
            )
        return [_parts(line) for line in lines]

    @property
    def changes(self) -> dict[str, Any]:
        flags = ("is_core", "is_advanced", "adds_data")
        return {
            "name": self.names,
            "matchers": self.cleaned_data["matchers"],
            **{name: self.cleaned_data[name] for name in flags},
        }


class EditionForm(_Named):
    key = _key()
    holds_all = forms.BooleanField(label=_("Holds every feature, also those to come"), required=False)
    limits = forms.CharField(
        label=_("Limits"),
        required=False,
        help_text=_(
            "A line each, feature = how often in 28 days, such as bulk_import = 500. Nothing: no limit is known."
        ),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, product: Product, edition: Edition | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.product, self.edition = product, edition
        self.fields["features"] = _Features(
            product.features.order_by("key"),
            label=_("Features"),
            required=False,
            widget=forms.CheckboxSelectMultiple,
        )
        if edition is not None:
            self.fields["key"].disabled = True

    @classmethod
    def of(cls, edition: Edition) -> EditionForm:
        stored = {
            "key": edition.key,
            "zh": edition.name.get("zh", ""),
            "en": edition.name.get("en", ""),
            "holds_all": edition.holds_all_features,
            "features": list(edition.features.all()),
            "limits": "\n".join(f"{key} = {most:g}" for key, most in edition.limits.items()),
        }
        return cls(initial=stored, product=edition.product, edition=edition)

    def clean_key(self) -> str:
        key = str(self.cleaned_data["key"])
        if self.edition is None and self.product.editions.filter(key=key).exists():
            raise forms.ValidationError(_("An edition of this product has this key already."))
        return key

    def clean_limits(self) -> dict[str, float]:
        """Lines as {feature: most uses in 28 days}."""
        known = set(self.product.features.values_list("key", flat=True))
        found = {}
        for line in filter(str.strip, self.cleaned_data["limits"].splitlines()):
            key, _equals, text = (part.strip() for part in line.partition("="))
            try:
                most = float(text)
            except ValueError:
                most = 0.0
            if key not in known or not 0 < most < 1e12:
                raise forms.ValidationError(
                    _(
                        "“%(line)s” is no limit. Write feature = a number above 0; features of this product: %(known)s."
                    )
                    % {"line": line.strip()[:80], "known": ", ".join(sorted(known)) or "-"}
                )
            found[key] = most
        return found


class _Features(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # generic for the checker only
    def label_from_instance(self, obj: Any) -> str:
        return formats.named(obj.name) or str(obj)


def matcher_lines(matchers: list[dict[str, str]]) -> str:
    """Matchers as a person writes them, a line each."""
    lines = []
    for matcher in matchers:
        line = matcher.get("event", "*")
        if matcher.get("property"):
            line += f" where {matcher['property']} = {matcher.get('value', '')}"
        lines.append(line)
    return "\n".join(lines)


def _parts(line: str) -> dict[str, str]:
    found = _LINE.match(line)
    parts = found.groupdict() if found else {"event": line}
    return {key: value.strip() for key, value in parts.items() if value}
