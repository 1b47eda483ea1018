"""Comments grouped by what they are about, against a list labelled by hand and against counting one by one."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest

from evergreen.touches.comments import themes as module
from evergreen.touches.comments.clauses import clauses
from evergreen.touches.comments.sentiment import NEGATIVE, POSITIVE, sentiment
from evergreen.touches.comments.shared_words import LEAST, shared_groups, words_of
from evergreen.touches.comments.themes import BUILT_IN, FEATURE, SHARED, Named, built_in, grouped
from evergreen.touches.comments.tokens import tokens

HERE = Path(__file__).parent
FEATURES = (
    Named("reconcile", {"zh": "自动对账", "en": "Auto reconciliation"}),
    Named("stocktake", {"zh": "门店盘点", "en": "Stocktaking"}),
    Named("batch", {"zh": "批次追溯", "en": "Batch tracing"}),
)


def labelled() -> list[tuple[set[str], str]]:
    lines = (HERE / "themes_labelled.tsv").read_text(encoding="utf-8").splitlines()
    return [
        ({*filter(None, keys.split(","))}, text) for keys, _, text in (line.partition("\t") for line in lines)
    ]


def test_themes_of_the_trade_are_found_in_comments_labelled_by_hand() -> None:
    given = labelled()
    found: list[set[str]] = [set() for _one in given]
    for group in grouped([text for _keys, text in given]).groups:
        if group.theme.kind == BUILT_IN:
            for mention in group.mentions:
                found[mention.place].add(group.theme.key)
    wanted = sum(len(keys) for keys, _text in given)
    right = sum(len(keys & own) for (keys, _text), own in zip(given, found, strict=True))
    named = sum(len(own) for own in found)
    assert right / wanted >= 0.95, [
        (text, keys - own) for (keys, text), own in zip(given, found, strict=True) if keys - own
    ]
    # Themes found beside those labelled are mostly fair ("导出报表要等半天" is about reports too), but not many.
    assert right / named >= 0.7
    assert all(not own for (keys, _text), own in zip(given, found, strict=True) if not keys)


def test_a_group_counts_the_comments_that_hold_one_of_its_words() -> None:
    texts = [text for _keys, text in labelled()]
    group = next(one for one in grouped(texts).groups if one.theme.key == "access")
    words = next(words for theme, words in built_in() if theme.key == "access")
    naive = [place for place, text in enumerate(texts) if any(word in text.lower() for word in words)]
    assert [mention.place for mention in group.mentions] == naive
    assert group.negative == sum(mention.sentiment.mark == NEGATIVE for mention in group.mentions)
    assert group.negative_share == group.negative / len(naive)
    counted = Counter(word for place in naive for word in words if word in texts[place].lower())
    assert all(counted[word] >= count for word, count in group.words)


def test_the_clause_that_speaks_of_a_theme_tells_how_it_feels_about_it() -> None:
    felt = {
        group.theme.key: group.mentions[0].sentiment.mark
        for group in grouped(["客服很专业，但是价格太贵了"]).groups
    }
    assert felt == {"support": POSITIVE, "price": NEGATIVE}


def test_a_feature_is_known_by_its_name_and_by_the_word_that_no_other_has() -> None:
    texts = ["自动对账结果不对", "对账很准", "盘点流程有点绕", "Batch tracing is slow", "自动生成凭证"]
    found = {
        group.theme.key: [mention.place for mention in group.mentions]
        for group in grouped(texts, FEATURES).groups
        if group.theme.kind == FEATURE
    }
    assert found == {"reconcile": [0, 1], "stocktake": [2], "batch": [3]}


def test_what_fits_no_theme_is_grouped_by_the_words_that_comments_share() -> None:
    texts = ["年会抽奖很热闹", "抽奖环节好玩", "抽奖名单公布了", "下周二见", "用的是旗舰版", "太贵了"]
    found = grouped(texts)
    shared = [group for group in found.groups if group.theme.kind == SHARED]
    assert [(group.theme.key, [one.place for one in group.mentions]) for group in shared] == [
        ("抽奖", [0, 1, 2])
    ]
    assert found.without == (3, 4)
    assert shared[0].theme.name["zh"].startswith("抽奖")


def test_shared_words_are_ranked_by_tf_idf() -> None:
    words = [
        ["a", "b"],
        ["a", "c"],
        ["a", "d"],
        ["b", "c"],
        ["b", "d"],
        ["b", "e"],
        *[[f"x{n}"] for n in range(20)],
    ]
    worth = {word: sum(word in own for own in words) * math.log(len(words) / sum(word in own for own in words)) for word in "abcde"}  # fmt: skip
    best = max(worth, key=lambda word: worth[word])
    groups = shared_groups(words, range(len(words)))
    assert groups[0] == ([best], [place for place, own in enumerate(words) if best in own])
    # Those grouped are out of the next one, and below three comments there is none.
    assert all(len(places) >= LEAST for _names, places in groups)
    assert len(groups) == 1


def test_the_same_comments_give_the_same_groups_and_empty_ones_none() -> None:
    texts = [text for _keys, text in labelled()]
    assert grouped(texts, FEATURES) == grouped(texts, FEATURES)
    nothing = grouped(["", "   ", "👍"])
    assert (nothing.groups, nothing.without) == ((), (2,))
    assert grouped([]).groups == ()


def test_clauses_are_all_of_a_comment_and_a_contrast_begins_one() -> None:
    stream = tokens("功能齐全，但太贵。Easy but slow")
    parts = clauses(stream)
    assert [first for first, _end in parts] == [0, *[end for _first, end in parts[:-1]]]
    assert parts[-1][1] == len(stream)
    assert ["".join(token.text for token in stream[first:end]) for first, end in parts] == [
        "功能齐全，", "但", "太贵。", "easybut", "slow"
    ]  # fmt: skip


def test_telling_words_have_two_characters_and_are_no_stop_words() -> None:
    assert words_of("我们的发票 reports 很好, the 发票") == ["发票", "reports"]


def test_every_theme_has_words_in_both_languages_and_one_name_in_each() -> None:
    for theme, words in built_in():
        assert theme.name["zh"]
        assert theme.name["en"]
        assert any(word.isascii() for word in words)
        assert any(not word.isascii() for word in words)
    assert len({theme.key for theme, _words in built_in()}) == len(built_in())


def test_a_theme_without_both_names_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "themes.txt"
    broken.write_text("price: 价格\n贵\n", encoding="utf-8")
    monkeypatch.setattr(module, "FILE", broken)
    built_in.cache_clear()
    with pytest.raises(ValueError, match="block 1 must begin with"):
        built_in()
    monkeypatch.undo()
    built_in.cache_clear()
    assert sentiment("好").mark == POSITIVE


def test_words_that_only_look_like_a_theme_are_none() -> None:
    for text in ("The training data is wrong", "I support this", "We support that plan"):
        assert not {"theme:training", "theme:support"} & {one.theme.address for one in grouped([text]).groups}
    for text, theme in (
        ("The training was great", "theme:training"),
        ("Support never answers", "theme:support"),
    ):
        assert theme in {one.theme.address for one in grouped([text]).groups}
