"""Answers as sentence, drawing and rows: one class a kind, made by ``figure_of``."""

from __future__ import annotations

from typing import Any

from evergreen.metrics.analytics.questions import Question
from evergreen.web.presenters.analytics.figures.answered import Figure, written
from evergreen.web.presenters.analytics.figures.use import PenetrationFigure, StickinessFigure, TrendFigure
from evergreen.web.presenters.analytics.figures.ways import FunnelFigure, PathsFigure, RetentionFigure
from evergreen.web.presenters.analytics.naming import Names

__all__ = ["Figure", "figure_of", "written"]

_FIGURES: dict[str, type[Figure]] = {
    "trend": TrendFigure,
    "stickiness": StickinessFigure,
    "penetration": PenetrationFigure,
    "funnel": FunnelFigure,
    "retention": RetentionFigure,
    "paths": PathsFigure,
}


def figure_of(question: Question, answer: dict[str, Any], names: Names) -> Figure:
    return _FIGURES[question.kind](question, answer, names)
