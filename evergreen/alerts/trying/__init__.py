"""A rule held against the past: what it would have raised, night by night, before it is switched on."""

from evergreen.alerts.trying.trial import DAYS, Night, Trial, trial

__all__ = ["DAYS", "Night", "Trial", "trial"]
