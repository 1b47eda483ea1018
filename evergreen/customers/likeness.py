"""How much two company names look alike, and which e-mail domains say something about a company. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib import resources
from typing import NamedTuple

from opencc import OpenCC
from rapidfuzz import fuzz

# What a name says of the form of the company, longest first: it tells no two companies apart.
_FORMS = sorted(
    """股份有限公司 有限责任公司 有限公司 股份公司 集团公司 总公司 分公司 控股集团 集团 控股 公司 股份
    incorporated corporation company limited holdings holding group inc ltd llc llp corp co plc gmbh ag sa bv pty
    """.split(),  # noqa: SIM905
    key=len,
    reverse=True,
)
_LATIN_FORM = re.compile(rf"(?:\s|^)(?:{'|'.join(form for form in _FORMS if form.isascii())})(?=\s|$)")
_CHINESE_FORM = re.compile("|".join(form for form in _FORMS if not form.isascii()))
_PLACES = """北京 上海 天津 重庆 河北 山西 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 广东 海南 四川 贵州
    云南 陕西 甘肃 青海 内蒙古 广西 西藏 宁夏 新疆 香港 澳门 台湾 中国 广州 深圳 杭州 南京 苏州 无锡 宁波 成都 武汉 西安 长沙 郑州
    青岛 济南 大连 沈阳 哈尔滨 长春 厦门 福州 合肥 昆明 南昌 石家庄 太原 南宁 贵阳 兰州 海口 东莞 佛山 珠海 温州 常州 嘉兴 绍兴 烟台
    潍坊 徐州 南通 扬州 泉州 中山 惠州 台州 金华""".split()  # noqa: SIM905
_PLACE = re.compile(rf"(?:{'|'.join(sorted(_PLACES, key=len, reverse=True))})(?:特别行政区|自治区|省|市)?")
# A group, a holding, a branch is another company than the one that trades under the same name.
_KIN = re.compile(r"集团|控股|分公司|\b(?:holdings?|group)\b")
_BRACKETS = re.compile(r"[()\[\]{}<>【】「」『』《》〈〉〔〕]")
_MARKS = re.compile(r"[^\w\s]|_")
# How far names of the same words but other places may still be the same company.
OTHER_PLACE = 70.0
_SECOND_LEVEL = frozenset("ac co com edu gov mil net org".split())  # noqa: SIM905


class CompanyName(NamedTuple):
    """A name without its form and place; ``key`` is empty when nothing else is left.

    Equal ones are one company for all that a name can tell: ``kin`` says whether it is a group, a holding, a branch.
    """

    key: str
    places: frozenset[str]
    kin: frozenset[str]


@cache
def _simplified() -> OpenCC:
    return OpenCC("t2s")


def company_name(name: str) -> CompanyName:
    """What tells a company apart: width, case, traditional characters, brackets, form and place taken away."""
    text = _simplified().convert(unicodedata.normalize("NFKC", name)).casefold()
    text = _MARKS.sub(" ", _BRACKETS.sub(" ", text).replace(".", "").replace("'", "").replace("&", " and "))
    places = frozenset(found.group()[:2] for found in _PLACE.finditer(text))
    kin = frozenset(found.group() for found in _KIN.finditer(text))
    text = _CHINESE_FORM.sub(" ", text)
    text = _LATIN_FORM.sub(" ", f" {' '.join(text.split())} ")
    short = " ".join(_PLACE.sub(" ", text).split())
    key = short or " ".join(text.split())
    return CompanyName(key if key.isascii() else key.replace(" ", ""), places, kin)


def likeness(one: CompanyName, other: CompanyName) -> float:
    """0 to 100. A name within the other counts for most of it; other places for much less."""
    if not one.key or not other.key:
        return 0.0
    score = fuzz.ratio(one.key, other.key)
    shorter = min(len(one.key), len(other.key))
    if shorter >= (5 if (one.key + other.key).isascii() else 3):
        score = max(score, 0.92 * fuzz.partial_ratio(one.key, other.key))
    apart = one.places and other.places and not one.places & other.places
    return min(score, OTHER_PLACE) if apart else score


def domain_of(address: str) -> str:
    """The domain of an e-mail address or a web site, in small letters; '' when it has none."""
    text = unicodedata.normalize("NFKC", address).strip().lower()
    text = text.rpartition("@")[2] if "@" in text else re.sub(r"^[a-z]+://", "", text)
    text = re.split(r"[/:?#\s>]", text, maxsplit=1)[0].strip(".").removeprefix("www.")
    labels = text.split(".")
    if len(labels) < 2 or not all(re.fullmatch(r"[\w-]{1,63}", label) for label in labels):
        return ""
    return "" if labels[-1].isdecimal() else text


def wider_domains(domain: str) -> list[str]:
    """A domain and those above it that a company can own: mail.acme.com.cn, acme.com.cn."""
    labels = domain.split(".")
    least = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL else 2
    return [".".join(labels[at:]) for at in range(len(labels) - least + 1)] or [domain]


@cache
def free_mail() -> frozenset[str]:
    """Domains under which anybody gets a mailbox."""
    lines = resources.files("evergreen.customers").joinpath("free_mail.txt").read_text("utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def is_free_mail(domain: str) -> bool:
    """Whether a domain says nothing about a company, because anybody gets a mailbox under it."""
    return any(wider in free_mail() for wider in wider_domains(domain))


def is_public_suffix(domain: str) -> bool:
    """Whether nobody can own the domain as a company: com, com.cn."""
    labels = domain.split(".")
    return len(labels) < 2 or (len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _SECOND_LEVEL)
