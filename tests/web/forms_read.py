"""The fields of a form as a browser would send them, read from its HTML."""

from __future__ import annotations

from html.parser import HTMLParser


class _Form(HTMLParser):
    def __init__(self, form: str) -> None:
        super().__init__(convert_charrefs=True)
        self._form, self._inside = form, False
        self._select = self._text = ""
        self._is_multiple = False
        self._options: list[tuple[str, bool]] = []
        self._written: list[str] = []
        self.fields: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        if tag == "form":
            self._inside = found.get("id") == self._form
        if not self._inside:
            return
        if tag == "input" and "name" in found:
            if found.get("type") in {"checkbox", "radio"} and "checked" not in found:
                return
            self.fields.append((found["name"], found.get("value", "on")))
        elif tag == "select":
            self._select, self._options, self._is_multiple = found.get("name", ""), [], "multiple" in found
        elif tag == "option":
            self._options.append((found.get("value", ""), "selected" in found))
        elif tag == "textarea":
            self._text, self._written = found.get("name", ""), []

    def handle_data(self, data: str) -> None:
        if self._text:
            self._written.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "select" and self._select and self._inside:
            chosen = [value for value, is_chosen in self._options if is_chosen]
            if not self._is_multiple:
                chosen = (chosen or [value for value, _chosen in self._options[:1]])[:1]
            self.fields += [(self._select, value) for value in chosen]
            self._select = ""
        elif tag == "textarea" and self._text:
            self.fields.append((self._text, "".join(self._written).lstrip("\n")))
            self._text = ""


def fields_of_form(html: str, form: str) -> dict[str, list[str]]:
    """What a browser sends of the form with this id: each field with its values, none for empty lists and boxes not ticked."""
    reader = _Form(form)
    reader.feed(html)
    found: dict[str, list[str]] = {}
    for name, value in reader.fields:
        found.setdefault(name, []).append(value)
    return found
