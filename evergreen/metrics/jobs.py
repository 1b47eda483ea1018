"""Long work of this room; the worker finds it here."""

from evergreen.metrics.analytics.jobs import answer_question

__all__ = ["answer_question"]
