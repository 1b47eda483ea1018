"""Company names are told apart and found alike as people would; free mail says nothing about a company."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.customers.likeness import (
    OTHER_PLACE,
    company_name,
    domain_of,
    free_mail,
    is_free_mail,
    is_public_suffix,
    likeness,
    wider_domains,
)


def alike(one: str, other: str) -> float:
    return likeness(company_name(one), company_name(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("恒岳机械", "恒岳机械有限公司"),
        ("恒岳机械", "恒岳机械股份有限公司"),
        ("恒岳机械（上海）有限公司", "上海恒岳机械有限责任公司"),
        ("雲杉物業有限公司", "云杉物业"),
        ("澄明财税科技", "澄明财税科技 集团"),
        ("ＡＣＭＥ　Inc.", "acme, Inc"),
        ("Acme Co., Ltd.", "ACME"),
        ("Northwind Traders LLC", "Northwind Traders"),
        ("Smith & Sons Ltd", "smith and sons"),
        ("广东省万和电气股份有限公司", "万和电气"),
        ("浙江省杭州市西溪软件", "西溪软件"),
    ],
)
def test_the_form_place_width_and_script_of_a_name_do_not_matter(one: str, other: str) -> None:
    assert alike(one, other) == 100.0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("恒岳机械", "云杉物业"),
        ("恒岳机械", "恒丰银行"),
        ("Acme", "Contoso"),
        ("有限公司", "股份有限公司"),
        ("Northwind Traders", "Southridge Video"),
        ("", "恒岳机械"),
    ],
)
def test_other_companies_are_not_alike(one: str, other: str) -> None:
    assert alike(one, other) < 80


def test_a_name_within_another_is_much_alike_and_one_of_another_place_less() -> None:
    assert 90 <= alike("恒岳机械", "恒岳机械智能制造") < 100
    assert alike("上海云杉物业有限公司", "北京云杉物业有限公司") == OTHER_PLACE
    assert alike("上海云杉物业有限公司", "云杉物业有限公司") == 100.0


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_two_texts_have_a_likeness_that_is_the_same_both_ways(one: str, other: str) -> None:
    score = alike(one, other)
    assert 0 <= score <= 100
    assert abs(score - alike(other, one)) < 1e-6
    assert company_name(company_name(one).key).key == company_name(company_name(one).key).key


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("li@HengYue.com.cn", "hengyue.com.cn"),
        ("Li <li@hengyue.cn>", "hengyue.cn"),
        ("li@hengyue.cn.", "hengyue.cn"),
        ("https://www.hengyue.cn/about?x=1", "hengyue.cn"),
        ("ｌｉ＠ｈｅｎｇｙｕｅ．ｃｎ", "hengyue.cn"),
        ("恒岳.中国", "恒岳.中国"),
        ("li@localhost", ""),
        ("li@10.0.0.1", ""),
        ("hengyue", ""),
        ("li@a b.cn", ""),
        ("", ""),
        ("@", ""),
    ],
)
def test_a_domain_is_read_from_addresses_and_web_sites(text: str, domain: str) -> None:
    assert domain_of(text) == domain


@pytest.mark.parametrize(
    "domain",
    [
        "qq.com",
        "163.com",
        "gmail.com",
        "vip.163.com",
        "mail.qq.com",
        "sina.com.cn",
        "outlook.com",
        "mailinator.com",
    ],
)
def test_free_mail_says_nothing_about_a_company(domain: str) -> None:
    assert is_free_mail(domain)


@pytest.mark.parametrize(
    "domain", ["hengyue.com.cn", "tencent.com", "google.com", "myqq.com", "com.cn", "apple.com"]
)
def test_a_company_s_own_domain_is_no_free_mail(domain: str) -> None:
    assert not is_free_mail(domain)


def test_the_list_of_free_mail_is_kept_well() -> None:
    listed = [line for line in _lines() if not line.startswith("#")]
    assert len(listed) == len(set(listed)) == len(free_mail()) > 250
    assert all(domain_of(line) == line and not is_public_suffix(line) for line in listed)


def _lines() -> list[str]:
    from importlib import resources

    text = resources.files("evergreen.customers").joinpath("free_mail.txt").read_text("utf-8")
    return [line for line in text.splitlines() if line]


def test_a_domain_s_owners_stand_above_it() -> None:
    assert wider_domains("mail.eu.acme.com") == ["mail.eu.acme.com", "eu.acme.com", "acme.com"]
    assert wider_domains("mail.acme.com.cn") == ["mail.acme.com.cn", "acme.com.cn"]
    assert wider_domains("acme.cn") == ["acme.cn"]
    assert is_public_suffix("com.cn")
    assert is_public_suffix("com")
    assert not is_public_suffix("acme.cn")
