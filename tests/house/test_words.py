from __future__ import annotations

from evergreen.web import translations


def test_every_text_on_screen_has_its_chinese() -> None:
    missing = translations.missing()
    shown = [f"{key!r} in {', '.join(sorted(files))}" for key, files in sorted(missing.items())]
    assert shown == [], "set them with `python -m evergreen.web.translations set < pairs.json`"


def test_the_chinese_catalogue_fits_the_sources() -> None:
    assert [fault for fault in translations.faults() if not fault.startswith("missing: ")] == []
