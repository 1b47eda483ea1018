"""A playbook's form as plain data, and what its buttons do to the list: add, move, take out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from django.http import QueryDict

# Settings of a step that have fields of their own; a kind that is not here is written as YAML.
STEP_FORMS: dict[str, tuple[str, ...]] = {
    "task": ("title", "assignee", "due_working_days", "priority", "answers", "for_alert"),
    "message": ("template", "to", "by", "priority", "each_account"),
    "survey": ("survey", "to", "by"),
    "customer_group": ("template", "purpose"),
    "webhook": ("channel", "event"),
    "set_field": ("field", "value"),
    "ticket": ("subject", "priority"),
    "wait": ("minutes", "hours", "days", "working_days", "at"),
    "wait_until": ("condition", "event", "timeout", "on_timeout"),
    "working_hours": (),
    "answer": ("of", "ways", "timeout", "otherwise", "on_timeout"),
    "branch": ("ways", "otherwise"),
    "split": ("arms", "spared"),
    "end": (),
}
_PLAIN = {
    "task": ("assignee", "due_working_days", "priority"),
    "message": ("template", "to", "by", "priority", "each_account"),
    "survey": ("survey", "to", "by"),
    "customer_group": ("template", "purpose"),
    "webhook": ("channel", "event"),
    "set_field": ("field", "value"),
    "ticket": ("subject", "priority"),
    "wait_until": ("condition", "event", "on_timeout"),
    "answer": ("of", "otherwise", "on_timeout"),
    "branch": ("otherwise",),
    "split": ("spared",),
}
_MOST_ROWS = 250
_ROWS = {"branch": ("ways", "when"), "answer": ("ways", "answer"), "split": ("arms", "share")}
# What a new step has until somebody fills it in.
_NEW: dict[str, dict[str, Any]] = {
    "task": {"title": {"zh": "", "en": ""}},
    "message": {"to": "first", "by": "mail"},
    "wait": {"days": "3"},
    "wait_until": {"condition": "", "timeout": {"days": "14"}},
    "answer": {"ways": [{"answer": "", "to": ""}], "timeout": {"working_days": "10"}},
    "branch": {"ways": [{"when": "", "to": ""}]},
    "split": {"arms": [{"share": "50", "to": ""}, {"share": "50", "to": ""}]},
}


def data_of(post: QueryDict) -> dict[str, Any]:
    """The definition that the form's fields say; empty fields are left out."""
    found: dict[str, Any] = {"triggers": [_trigger(post, n) for n in _numbers(post, "t")]}
    for name in ("entry", "reentry", "reentry_days", "per", "holdout"):
        if told := post.get(name, "").strip():
            found[name] = told
    if found.get("reentry") != "after_days":
        found.pop("reentry_days", None)
    found["steps"] = [_step(post, n) for n in _numbers(post, "s")]
    exits: list[dict[str, Any]] = [{"when": text.strip()} for text in post.getlist("exit") if text.strip()]
    if post.get("alert_closed"):
        exits.append({"alert_closed": True})
    if exits:
        found["exits"] = exits
    for name in ("goal", "quiet_from", "quiet_to", "zone"):
        if told := post.get(name, "").strip():
            found[name] = told
    return found


def _numbers(post: QueryDict, of: str) -> list[str]:
    """The rows of the form in their order, by the number in their fields' names."""
    return [n for n in post.getlist(of) if n.isdecimal() and len(n) < 6][:_MOST_ROWS]


def _trigger(post: QueryDict, n: str) -> dict[str, Any]:
    def told(name: str) -> str:
        return post.get(f"t{n}-{name}", "").strip()

    kind = told("kind")
    match kind:
        case "alert":
            return {"kind": kind, "rules": post.getlist(f"t{n}-rules") or "*"}
        case "lifecycle":
            sign = "-" if told("when") == "before" and told("day") not in ("", "0") else ""
            return {
                "kind": kind,
                "day": sign + told("day"),
                "counts_from": told("counts_from") or "signed_on",
            }
        case "stage":
            return {"kind": kind, "stages": post.getlist(f"t{n}-stages")}
        case "segment" | "event" | "form":
            return {"kind": kind, kind: told(kind)}
        case "schedule":
            return {"kind": kind, "every": told("every") or "month", "on": told("on") or "1"}
    return {"kind": kind}


def _step(post: QueryDict, n: str) -> dict[str, Any]:
    def told(name: str) -> str:
        return post.get(f"s{n}-{name}", "").strip()

    kind = told("kind")
    found: dict[str, Any] = {"key": told("key"), "kind": kind}
    if f"s{n}-yaml" in post:
        found |= _settings(post.get(f"s{n}-yaml", ""))
    else:
        found |= {name: told(name) for name in _PLAIN.get(kind, ()) if told(name)}
        found |= _shaped(post, n, kind)
    if told("next"):
        found["next"] = told("next")
    return found


def _shaped(post: QueryDict, n: str, kind: str) -> dict[str, Any]:
    """The settings of a step that are more than one field."""

    def told(name: str) -> str:
        return post.get(f"s{n}-{name}", "").strip()

    def span() -> dict[str, Any]:
        return {told("unit") or "days": told("count"), **({"at": told("at")} if told("at") else {})}

    def pairs(one: str, other: str) -> list[dict[str, Any]]:
        rows = zip(post.getlist(f"s{n}-{one}"), post.getlist(f"s{n}-{other}"), strict=False)
        return [{one: left.strip(), other: right.strip()} for left, right in rows]

    match kind:
        case "task":
            title = {code: told(f"title_{code}") for code in ("zh", "en") if told(f"title_{code}")}
            answers = _answers(told("answers"))
            return {
                "title": title,
                **({"answers": answers} if answers else {}),
                **({"for_alert": True} if told("for_alert") else {}),
            }
        case "wait":
            return span()
        case "wait_until":
            return {"timeout": span()}
        case "answer":
            ways = [one for one in pairs("answer", "to") if one["answer"] or one["to"]]
            return {"ways": ways, "timeout": span()}
        case "branch":
            return {"ways": [one for one in pairs("when", "to") if one["when"] or one["to"]]}
        case "split":
            return {"arms": [one for one in pairs("share", "to") if one["share"] or one["to"]]}
    return {}


def _answers(text: str) -> list[dict[str, Any]]:
    """Answers as they are written, one a line: ``key = Chinese / English``."""
    found = []
    for line in filter(str.strip, text.splitlines()):
        key, _sign, names = line.partition("=")
        zh, _sign, en = names.partition("/")
        named = {code: name.strip() for code, name in (("zh", zh), ("en", en)) if name.strip()}
        found.append({"key": key.strip(), "name": named})
    return found


def _settings(text: str) -> dict[str, Any]:
    """Settings written as YAML; a text that is none is kept under its own name, so that reading it says what is wrong."""
    try:
        found = yaml.safe_load(text) or {}
    except yaml.YAMLError:
        return {"yaml": text}
    return {str(key): value for key, value in found.items()} if isinstance(found, Mapping) else {"yaml": text}


def reshaped(data: dict[str, Any], op: str) -> dict[str, Any]:
    """What a button does: ``step-KIND-N`` adds a step after the N-th, ``trigger-KIND`` a trigger, ``up-N``, ``down-N`` and ``out-N``
    move a step and take it out, ``untrigger-N`` takes out a trigger, ``way-N`` adds a way. Another text does nothing."""
    verb, _dash, rest = op.partition("-")
    steps: list[dict[str, Any]] = data["steps"]
    if verb == "step":
        kind, _dash, after = rest.rpartition("-")
        place = int(after) + 1 if after.isdecimal() and int(after) < len(steps) else len(steps)
        steps.insert(place, {"key": _free(steps, kind), "kind": kind, **_NEW.get(kind, {})})
    elif verb == "trigger":
        data["triggers"].append({"kind": rest, **({"rules": "*"} if rest == "alert" else {})})
    elif rest.isdecimal():
        _moved(data, verb, int(rest))
    return data


def _moved(data: dict[str, Any], verb: str, n: int) -> None:
    steps: list[dict[str, Any]] = data["steps"]
    if verb == "untrigger" and n < len(data["triggers"]):
        del data["triggers"][n]
    if n >= len(steps):
        return
    match verb:
        case "up" if n:
            steps[n - 1], steps[n] = steps[n], steps[n - 1]
        case "down" if n + 1 < len(steps):
            steps[n + 1], steps[n] = steps[n], steps[n + 1]
        case "out":
            del steps[n]
        case "way":
            rows, first = _ROWS.get(steps[n]["kind"], ("arms", "share"))
            steps[n].setdefault(rows, []).append({first: "", "to": ""})


def _free(steps: list[dict[str, Any]], kind: str) -> str:
    taken = {one.get("key") for one in steps}
    if kind == "end" and kind not in taken:
        return kind
    return next(key for n in range(1, len(steps) + 2) if (key := f"{kind}_{n}") not in taken)
