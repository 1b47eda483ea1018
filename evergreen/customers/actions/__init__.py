"""Writes of accounts and their records: each one transaction and one audit entry."""

from evergreen.customers.actions.accounts import assign_owner, create_account, undo, update_account
from evergreen.customers.actions.bulk import change_accounts, tag_accounts
from evergreen.customers.actions.contacts import add_contact, update_contact
from evergreen.customers.actions.contracts import add_contract, end_line
from evergreen.customers.actions.external_ids import (
    add_contact_id,
    add_external_id,
    remove_contact_id,
    remove_external_id,
)
from evergreen.customers.actions.merging import merge_accounts, merge_contacts, preview, undo_merge
from evergreen.customers.actions.notes import add_note, delete_note, edit_note, pin_note
from evergreen.customers.actions.receivables import add_receivable, record_payment

__all__ = [
    "add_contact",
    "add_contact_id",
    "add_contract",
    "add_external_id",
    "add_note",
    "add_receivable",
    "assign_owner",
    "change_accounts",
    "create_account",
    "delete_note",
    "edit_note",
    "end_line",
    "merge_accounts",
    "merge_contacts",
    "pin_note",
    "preview",
    "record_payment",
    "remove_contact_id",
    "remove_external_id",
    "tag_accounts",
    "undo",
    "undo_merge",
    "update_account",
    "update_contact",
]
