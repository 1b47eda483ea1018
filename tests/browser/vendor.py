"""A small vendor for the browser stories, loaded through the command as an operator would: ten accounts, 60 days of use.

One account slips (澄明财税科技: silent for 30 days, an invoice overdue, a detractor), one renews soon, one has no owner.
Days count from yesterday in the vendor's zone, so that the stories tell the same on every day of the year.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from tests.launch.installation import Installation, made

PASSWORD = "evergreen-story-7"
SLIPPING = "澄明财税科技"
RENEWING = "北辰物流"
OTHERS = "青禾农业"  # an account of another team
DAYS = 60
FEATURES = ("进项核对", "发票上传", "税务报表", "审批流")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Person:
    email: str
    name: str
    role: str
    team: str = ""


CSM = Person("lin@vendor.example", "林晓", "csm", "华东")
MATE = Person("zhou@vendor.example", "周航", "csm", "华南")
OPERATIONS = Person("xu@vendor.example", "许宁", "cs_operations")
STAFF = (CSM, MATE, OPERATIONS)

# id, name, owner, industry, yearly fee in CNY, days to renewal, people who use it, days since they stopped
_ACCOUNTS = (
    ("A-01", "恒岳机械", CSM, "制造", 360_000, 300, 8, 0),
    ("A-02", SLIPPING, CSM, "财税", 480_000, 200, 6, 30),
    ("A-03", RENEWING, CSM, "物流", 240_000, 45, 6, 0),
    ("A-04", "远山食品", CSM, "食品", 96_000, 250, 5, 0),
    ("A-05", "启明教育", CSM, "教育", 60_000, 180, 4, 0),
    ("A-06", "华汇建材", CSM, "建材", 72_000, 220, 4, 0),
    ("A-07", OTHERS, MATE, "农业", 150_000, 60, 5, 25),
    ("A-08", "瀚海医疗", MATE, "医疗", 600_000, 330, 9, 0),
    ("A-09", "宏图印务", MATE, "印刷", 48_000, 120, 3, 0),
    ("A-10", "云杉物业", None, "物业", 36_000, 270, 3, 0),
)


def yesterday() -> dt.date:
    return dt.datetime.now(ZoneInfo("Asia/Shanghai")).date() - dt.timedelta(days=1)


def build(home: Path, files: Path) -> Installation:
    """An installation with its staff, records, use and the night of yesterday; not served yet."""
    installation = made(home, ["--vendor-name", "云帆软件"])
    for person in STAFF:
        team = ["--team", person.team] if person.team else []
        installation.run(
            *("staff", "add", person.email, "--role", person.role, "--name", person.name, *team),
            "--password-stdin",
            stdin=PASSWORD + "\n",
        )
    day = yesterday()
    for record, rows, mapping in _files(day):
        table, yaml_file = files / f"{record}.csv", files / f"{record}.yaml"
        write_csv(table, rows)
        yaml_file.write_text(yaml.safe_dump({"record": record, **mapping}, allow_unicode=True), "utf-8")
        installation.run("import", str(table), "--as", record, "--mapping", str(yaml_file))
    installation.run("night", "--day", day.isoformat())
    return installation


def write_csv(path: Path, rows: Iterable[Row], encoding: str = "utf-8") -> None:
    listed = list(rows)
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(listed[0]))
        writer.writeheader()
        writer.writerows(listed)


def _files(day: dt.date) -> Sequence[tuple[str, Iterable[Row], Row]]:
    """(kind of record, rows, mapping) in the order of loading."""
    same = {"product": "yunfan", "create": ["products", "editions"]}
    return (
        (
            "accounts",
            _accounts(day),
            {**same, "columns": _plain("id name owner team industry signed edition stage")},
        ),
        ("contacts", _contacts(), {"columns": _plain("id account name title email role end_user")}),
        ("contracts", _contracts(day), {**same, "columns": _plain("id account edition seats start end arr")}),
        ("invoices", _invoices(day), {"columns": _plain("id account amount due")}),
        ("tickets", _tickets(day), {"columns": _plain("id account subject priority opened closed")}),
        (
            "events",
            _use(day),
            {
                "source": "yunfan",
                "product": "yunfan",
                "features": {"create": True, "editions": "all"},
                "columns": {**_plain("account end_user time feature"), "name": "event"},
            },
        ),
        (
            "surveys",
            _answers(day),
            {"source": "surveys", "columns": _plain("id kind score account contact time")},
        ),
    )


def _plain(names: str) -> dict[str, str]:
    """Fields whose columns are called like them."""
    return {name: name for name in names.split()}


def _accounts(day: dt.date) -> Iterable[Row]:
    for key, name, owner, industry, *_rest in _ACCOUNTS:
        yield {
            "id": key,
            "name": name,
            "owner": owner.email if owner else "",
            "team": owner.team if owner else "",
            "industry": industry,
            "signed": day - dt.timedelta(days=400),
            "edition": "专业版",
            "stage": "稳定",
        }


def _contacts() -> Iterable[Row]:
    for key, name, *_rest in _ACCOUNTS:
        for number, (who, title, role) in enumerate(
            (("王敏", "财务总监", "决策者"), ("李雷", "会计", "使用者")), 1
        ):
            yield {
                "id": f"{key}-C{number}",
                "account": key,
                "name": who,
                "title": f"{name}{title}",
                "email": f"c{number}@{key.lower()}.example",
                "role": role,
                "end_user": f"{key}-u{number - 1}",
            }


def _contracts(day: dt.date) -> Iterable[Row]:
    for key, _name, _owner, _industry, fee, left, users, _stopped in _ACCOUNTS:
        end = day + dt.timedelta(days=left)
        yield {
            "id": f"{key}-S",
            "account": key,
            "edition": "专业版",
            "seats": users + 2,
            "start": end - dt.timedelta(days=365),
            "end": end,
            "arr": fee,
        }


def _invoices(day: dt.date) -> Iterable[Row]:
    yield {"id": "I-02", "account": "A-02", "amount": "240000.00", "due": day - dt.timedelta(days=45)}
    yield {"id": "I-08", "account": "A-08", "amount": "300000.00", "due": day + dt.timedelta(days=20)}


def _tickets(day: dt.date) -> Iterable[Row]:
    said = (("A-02", "导出失败，报税截止在即", "紧急", 5, False), ("A-02", "发票上传后金额不对", "高", 12, False),
            ("A-01", "如何新增审批人", "低", 9, True), ("A-04", "税务报表打不开", "中", 20, True))  # fmt: skip
    for number, (account, subject, priority, ago, solved) in enumerate(said, 1):
        opened = day - dt.timedelta(days=ago)
        yield {
            "id": f"T-{number}",
            "account": account,
            "subject": subject,
            "priority": priority,
            "opened": f"{opened} 10:00",
            "closed": f"{opened} 15:30" if solved else "",
        }


def _use(day: dt.date) -> Iterable[Row]:
    for key, *_known, users, stopped in _ACCOUNTS:
        for ago in range(stopped, DAYS):
            for user in range(users):
                for turn in range(2):
                    feature = FEATURES[(ago + user + turn) % len(FEATURES)]
                    yield {
                        "account": key,
                        "end_user": f"{key}-u{user}",
                        "event": f"{feature}完成",
                        "time": f"{day - dt.timedelta(days=ago)} {9 + turn * 5:02}:{user:02}",
                        "feature": feature,
                    }


def _answers(day: dt.date) -> Iterable[Row]:
    for number, (account, score) in enumerate((("A-01", 9), ("A-02", 3), ("A-03", 8), ("A-08", 10)), 1):
        yield {
            "id": f"S-{number}",
            "kind": "nps",
            "score": score,
            "account": account,
            "contact": f"{account}-C1",
            "time": f"{day - dt.timedelta(days=15)} 11:00",
        }
