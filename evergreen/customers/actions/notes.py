"""Notes on accounts with mentions and files. Files lie under made names in the home."""

from __future__ import annotations

import datetime as dt
import os
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evergreen.base import env, queries
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers import rules
from evergreen.customers.models import Account, Attachment, Note

if TYPE_CHECKING:
    from django.core.files.base import File

LONGEST_NOTE = 100_000


def add_note(
    account: Account, body: str, *, by: User | None, now: dt.datetime, files: Iterable[File[bytes]] = ()
) -> Note:
    """A note in Markdown; ``@name`` or ``@e-mail`` mentions colleagues; files are kept beside it.

    Raises ValidationError for an empty note and for files that are too large, too many or of a type not
    allowed; then nothing is kept.
    """
    given = list(files)
    text = _checked(body, given)
    kept: list[tuple[File[bytes], Path]] = []
    try:
        for file in given:
            kept.append((file, _keep(file)))
        with transaction.atomic():
            note = Note.objects.create(account=account, by=by, body=text, at=now)
            note.mentions.set(_mentioned(text))
            Attachment.objects.bulk_create(
                Attachment(
                    note=note,
                    name=rules.safe_name(file.name or ""),
                    stored_as=path.name,
                    size=path.stat().st_size,
                )
                for file, path in kept
            )
            audit(
                "note.added",
                "note",
                [note.pk],
                by=by,
                now=now,
                after={"account": account.pk, "files": len(kept)},
            )
    except BaseException:
        for _file, path in kept:
            path.unlink(missing_ok=True)
        raise
    return note


@transaction.atomic
def edit_note(note: Note, body: str, *, by: User | None, now: dt.datetime) -> Note:
    """Change a note's text; its mentions follow."""
    _check_author(note, by)
    text = _checked(body, ())
    if text != note.body:
        note.body = text
        note.save(update_fields=["body"])
        note.mentions.set(_mentioned(text))
        audit("note.edited", "note", [note.pk], by=by, now=now, after={"account": note.account_id})
    return note


@transaction.atomic
def pin_note(note: Note, is_pinned: bool, *, by: User | None, now: dt.datetime) -> Note:
    """Keep a note on top of its account's notes, or let it go back to its place."""
    if Note.objects.filter(pk=note.pk).exclude(is_pinned=is_pinned).update(is_pinned=is_pinned):
        audit("note.pinned" if is_pinned else "note.unpinned", "note", [note.pk], by=by, now=now)
    note.is_pinned = is_pinned
    return note


@transaction.atomic
def delete_note(note: Note, *, by: User | None, now: dt.datetime) -> None:
    """Delete a note and its files for good."""
    _check_author(note, by)
    paths = [stored_file(attachment) for attachment in note.attachments.all()]
    audit(
        "note.deleted",
        "note",
        [note.pk],
        by=by,
        now=now,
        after={"account": note.account_id, "files": len(paths)},
    )
    note.delete()

    def remove() -> None:
        for path in paths:
            path.unlink(missing_ok=True)

    transaction.on_commit(remove)


def stored_file(attachment: Attachment) -> Path:
    """Where an attachment's bytes lie."""
    return env.home().files / attachment.stored_as


def _checked(body: str, files: Sequence[File[bytes]]) -> str:
    text = body.replace("\r\n", "\n").strip()
    if not text and not files:
        raise ValidationError({"body": _("The note is empty: write something or add a file.")})
    if len(text) > LONGEST_NOTE:
        raise ValidationError(
            {
                "body": _(
                    "The note has %(found)s characters, %(most)s are allowed. Put the long part into a file."
                )
                % {"found": len(text), "most": LONGEST_NOTE}
            }
        )
    limits = queries.all_settings()
    if len(files) > limits["attachments_a_note"]:
        most = limits["attachments_a_note"]
        raise ValidationError(
            {
                "files": ngettext(
                    "%(found)s files were given, a note takes %(most)s file. Nothing was kept.",
                    "%(found)s files were given, a note takes %(most)s files. Nothing was kept.",
                    most,
                )
                % {"found": len(files), "most": most}
            }
        )
    for file in files:
        _check_file(file, limits["attachment_mb"])
    return text


def _check_file(file: File[bytes], most_mb: int) -> None:
    name = rules.safe_name(file.name or "")
    if rules.file_ending(name) not in rules.ALLOWED_FILES:
        raise ValidationError(
            {
                "files": _(
                    "%(name)s: files of this type are not taken. Allowed: %(allowed)s. Nothing was kept."
                )
                % {"name": name, "allowed": ", ".join(sorted(rules.ALLOWED_FILES))}
            }
        )
    if file.size > most_mb * 1_000_000:
        raise ValidationError(
            {
                "files": _(
                    "%(name)s has %(found).1f MB, %(most)s MB are allowed (setting attachment_mb). "
                    "Nothing was kept."
                )
                % {"name": name, "found": file.size / 1_000_000, "most": most_mb}
            }
        )


def _keep(file: File[bytes]) -> Path:
    """Write the bytes under a made name; whole on the disk before anybody can see them."""
    folder = env.home().files
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}.{rules.file_ending(file.name or '')}"
    part = path.with_suffix(".part")
    try:
        with part.open("xb") as out:
            for chunk in file.chunks():
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _mentioned(text: str) -> set[int]:
    return rules.mentioned(text, [(user.pk, user.name, user.email) for user in queries.active_staff()])


def _check_author(note: Note, by: User | None) -> None:
    if by is not None and note.by_id != by.pk and not by.may_configure:
        raise ValidationError(
            _("Only its author or an administrator can change this note. Nothing was changed.")
        )
