"""Jira: issues as tickets."""

from evergreen.events.sources.jira.adapter import JiraAdapter

__all__ = ["JiraAdapter"]
