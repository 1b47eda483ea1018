"""Writes of KPIs: what is declared, what was reported, what is aimed at."""

from evergreen.events.kpis.actions.declaring import declare_kpi, delete_kpi, update_kpi
from evergreen.events.kpis.actions.reports import Recorded, Refusal, bounds_words
from evergreen.events.kpis.actions.targets import Aimed, set_kpi_targets
from evergreen.events.kpis.actions.values import Reported, record_kpi_values

__all__ = [
    "Aimed",
    "Recorded",
    "Refusal",
    "Reported",
    "bounds_words",
    "declare_kpi",
    "delete_kpi",
    "record_kpi_values",
    "set_kpi_targets",
    "update_kpi",
]
