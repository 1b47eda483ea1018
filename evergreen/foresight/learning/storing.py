"""A learned model as bytes and back: numbers and the libraries' own formats, compressed; nothing that runs when it is read."""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from evergreen.foresight.learning.calibrating import Calibration
from evergreen.foresight.learning.choosing import Choice
from evergreen.foresight.learning.columns import Column, Kind
from evergreen.foresight.learning.encoding import Encoder, Source
from evergreen.foresight.learning.members import CatBoost, Learned, LightGbm, Logistic, Setting
from evergreen.foresight.learning.members import Kind as Member
from evergreen.foresight.learning.model import Model

# 2: events are columns of a group of their own.
FORMAT = 2
# A model of sixty columns has some megabytes before it is compressed; what says more was not written here.
_MOST_BYTES = 200_000_000


class StoredModelError(ValueError):
    """The bytes are no model that this version reads: learn anew (`evergreen churn refit`)."""


def to_bytes(model: Model) -> bytes:
    """The model for ``from_bytes``."""
    encoder = model.encoder
    told = {
        "format": FORMAT,
        "columns": [[column.name, column.kind.value] for column in encoder.columns],
        "marks": {name: [each.tolist() for each in pair] for name, pair in encoder.marks.items()},
        "words": encoder.words,
        "gaps": sorted(encoder.gaps),
        "tree_sources": [[source.column, source.word] for source in encoder.tree_sources],
        "ranked_sources": [[source.column, source.word] for source in encoder.ranked_sources],
        "calibration": [model.choice.calibration.stretch, model.choice.calibration.shift],
        "members": [
            [setting.kind.value, setting.size, setting.rounds, _written(learned)]
            for setting, learned in model.members
        ],
    }
    return zstandard.compress(json.dumps(told, ensure_ascii=False).encode())


def from_bytes(body: bytes) -> Model:
    """The model of ``to_bytes``. Raises StoredModelError."""
    try:
        told = json.loads(zstandard.ZstdDecompressor().decompress(body, max_output_size=_MOST_BYTES))
        if told["format"] != FORMAT:
            raise StoredModelError(
                f"The model is written in format {told['format']}; read is {FORMAT}. Run `evergreen churn refit`."
            )
        encoder = Encoder(
            [Column(name, Kind(kind)) for name, kind in told["columns"]],
            {name: (np.array(at), np.array(deviate)) for name, (at, deviate) in told["marks"].items()},
            told["words"],
            set(told["gaps"]),
            [Source(column, word) for column, word in told["tree_sources"]],
            [Source(column, word) for column, word in told["ranked_sources"]],
        )
        members = tuple(
            (Setting(Member(kind), size, rounds), _read(Member(kind), text))
            for kind, size, rounds, text in told["members"]
        )
    except (KeyError, TypeError, zstandard.ZstdError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise StoredModelError(
            f"The stored model cannot be read ({error}). Run `evergreen churn refit`."
        ) from error
    choice = Choice(tuple(setting for setting, _learned in members), Calibration(*told["calibration"]))
    return Model(encoder, choice, members)


def _written(learned: Learned) -> Any:
    if isinstance(learned, Logistic):
        return [learned.mean.tolist(), learned.weights.tolist(), learned.intercept]
    if isinstance(learned, LightGbm):
        return learned.booster.model_to_string()
    assert isinstance(learned, CatBoost)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.cbm"
        learned.booster.save_model(str(path))
        return base64.b64encode(path.read_bytes()).decode("ascii")


def _read(kind: Member, text: Any) -> Learned:
    if kind is Member.LOGISTIC:
        mean, weights, intercept = text
        return Logistic(np.array(mean, np.float64), np.array(weights, np.float64), float(intercept))
    if kind is Member.LIGHTGBM:
        import lightgbm

        return LightGbm(lightgbm.Booster(model_str=text))
    from catboost import CatBoostClassifier

    booster = CatBoostClassifier()
    booster.load_model(blob=base64.b64decode(text))
    return CatBoost(booster)
