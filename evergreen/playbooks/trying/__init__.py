"""A playbook held against the past: who would have entered when, and what would have been done, before it is switched on."""

from evergreen.playbooks.trying.trial import DAYS, Done, Run, Trial, trial

__all__ = ["DAYS", "Done", "Run", "Trial", "trial"]
