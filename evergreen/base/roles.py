"""Roles of staff and how far each sees by default (product.md 12)."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    CSM = "csm", _("CSM")
    CS_ENGINEER = "cs_engineer", _("CS engineer")
    CS_OPERATIONS = "cs_operations", _("CS operations")
    CS_ANALYST = "cs_analyst", _("CS analyst")
    TRAINER = "trainer", _("Trainer")
    ONBOARDING = "onboarding", _("Onboarding specialist")
    RENEWAL = "renewal", _("Renewal specialist")
    EXPANSION = "expansion", _("Expansion sales")
    ACCOUNT_MANAGER = "account_manager", _("Account manager")
    IMPLEMENTATION = "implementation", _("Implementation consultant")
    PRODUCT_MANAGER = "product_manager", _("Product manager")
    FINANCE = "finance", _("Finance")
    PARTNER = "partner", _("Partner")
    SUPPORT = "support", _("Support")
    MANAGER = "manager", _("Manager")
    ADMINISTRATOR = "administrator", _("Administrator")


class Scope(models.TextChoices):
    """Whose accounts a member of staff sees."""

    OWN = "own", _("Own accounts")
    TEAM = "team", _("Accounts of the team")
    ALL = "all", _("All accounts")


_ALL = {
    Role.CS_OPERATIONS,
    Role.CS_ANALYST,
    Role.PRODUCT_MANAGER,
    Role.FINANCE,
    Role.SUPPORT,
    Role.MANAGER,
    Role.ADMINISTRATOR,
}
_MONEY_HIDDEN = {Role.TRAINER, Role.PARTNER}
_CONFIGURE = {Role.CS_OPERATIONS, Role.ADMINISTRATOR}
_ASSIGN = {Role.CS_OPERATIONS, Role.MANAGER, Role.ADMINISTRATOR}


def default_scope(role: str) -> Scope:
    """How far a role sees unless its person is set otherwise."""
    if role in _ALL:
        return Scope.ALL
    return Scope.OWN if role == Role.PARTNER else Scope.TEAM


def sees_money(role: str) -> bool:
    return role not in _MONEY_HIDDEN


def may_configure(role: str) -> bool:
    """May change scorecards, rules, settings, imports and staff."""
    return role in _CONFIGURE


def may_assign(role: str) -> bool:
    """May give accounts to owners in bulk."""
    return role in _ASSIGN
