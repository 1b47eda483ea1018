from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile

from evergreen.base import actions as settings
from evergreen.base.models import AuditEntry
from evergreen.customers import actions
from evergreen.customers.actions import notes
from evergreen.customers.models import Attachment, Note


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's installation keeps files."""
    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path))
    return tmp_path / "files"


def kept(files: Path) -> list[Path]:
    return sorted(files.iterdir()) if files.exists() else []


def file(name: str = "合同.pdf", body: bytes = b"%PDF-1.7") -> ContentFile[bytes]:
    return ContentFile(body, name=name)


def test_a_note_keeps_its_files_under_made_names(
    cast: SimpleNamespace, now: dt.datetime, files: Path
) -> None:
    note = actions.add_note(
        cast.well,
        "见附件",
        by=cast.owner,
        now=now,
        files=[file(), SimpleUploadedFile("../../evil.TXT", b"x" * 70_000)],
    )
    first, second = note.attachments.order_by("pk")
    assert (first.name, first.size, second.name, second.size) == ("合同.pdf", 8, "evil.TXT", 70_000)
    assert {path.name for path in kept(files)} == {first.stored_as, second.stored_as}
    assert second.stored_as.endswith(".txt") and "evil" not in second.stored_as
    assert notes.stored_file(first).read_bytes() == b"%PDF-1.7"


@pytest.mark.parametrize(
    "name", ["run.exe", "page.html", "picture.svg", "macro", "a.pdf.js", ".htaccess", "x.PHP"]
)
def test_a_file_of_a_type_that_could_run_is_not_taken(
    cast: SimpleNamespace, now: dt.datetime, files: Path, name: str
) -> None:
    with pytest.raises(ValidationError, match="pdf"):
        actions.add_note(cast.well, "x", by=cast.owner, now=now, files=[file(), file(name)])
    assert not Note.objects.exists() and kept(files) == []


def test_too_large_and_too_many_files_are_refused_by_the_settings(
    cast: SimpleNamespace, now: dt.datetime, files: Path
) -> None:
    settings.change_setting("attachment_mb", 1, by=None, now=now)
    settings.change_setting("attachments_a_note", 2, by=None, now=now)
    with pytest.raises(ValidationError, match="attachment_mb"):
        actions.add_note(cast.well, "x", by=cast.owner, now=now, files=[file(body=b"x" * 1_000_001)])
    with pytest.raises(ValidationError, match="3"):
        actions.add_note(cast.well, "x", by=cast.owner, now=now, files=[file()] * 3)
    assert not Note.objects.exists() and kept(files) == []


def test_nothing_is_left_on_the_disk_when_the_note_is_not_saved(
    cast: SimpleNamespace, now: dt.datetime, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_fields: object) -> None:
        raise RuntimeError("the database is gone")

    monkeypatch.setattr(notes, "audit", refuse)
    with pytest.raises(RuntimeError):
        actions.add_note(cast.well, "x", by=cast.owner, now=now, files=[file()])
    assert not Note.objects.exists() and kept(files) == []


def test_an_empty_note_needs_a_file_and_a_long_one_too(cast: SimpleNamespace, now: dt.datetime) -> None:
    for body in ("", "  \n ", "x" * 100_001):
        with pytest.raises(ValidationError):
            actions.add_note(cast.well, body, by=cast.owner, now=now)
    assert actions.add_note(cast.well, "", by=cast.owner, now=now, files=[file()]).attachments.count() == 1


def test_mentions_follow_the_text(cast: SimpleNamespace, now: dt.datetime) -> None:
    note = actions.add_note(cast.well, "@mate and @boss@vendor.example", by=cast.owner, now=now)
    assert set(note.mentions.all()) == {cast.mate, cast.boss}
    actions.edit_note(note, "only @boss", by=cast.owner, now=now)
    assert set(note.mentions.all()) == {cast.boss}


def test_somebody_who_left_is_not_mentioned(cast: SimpleNamespace, now: dt.datetime) -> None:
    cast.mate.is_active = False
    cast.mate.save()
    assert not actions.add_note(cast.well, "@mate", by=cast.owner, now=now).mentions.exists()


def test_only_its_author_or_an_administrator_changes_a_note(cast: SimpleNamespace, now: dt.datetime) -> None:
    note = actions.add_note(cast.well, "mine", by=cast.owner, now=now)
    for act in (
        lambda: actions.edit_note(note, "yours", by=cast.mate, now=now),
        lambda: actions.delete_note(note, by=cast.mate, now=now),
    ):
        with pytest.raises(ValidationError):
            act()
    actions.edit_note(note, "ours", by=cast.boss, now=now)
    assert Note.objects.get().body == "ours"


@pytest.mark.django_db(transaction=True)
def test_deleting_a_note_deletes_its_files_for_good(
    cast: SimpleNamespace, now: dt.datetime, files: Path
) -> None:
    note = actions.add_note(cast.well, "x", by=cast.owner, now=now, files=[file()])
    assert len(kept(files)) == 1
    actions.delete_note(note, by=cast.owner, now=now)
    assert kept(files) == [] and not Note.objects.exists() and not Attachment.objects.exists()


def test_the_audit_never_holds_what_a_note_says(cast: SimpleNamespace, now: dt.datetime) -> None:
    note = actions.add_note(cast.well, "机密", by=cast.owner, now=now)
    actions.edit_note(note, "机密 2", by=cast.owner, now=now)
    actions.pin_note(note, True, by=cast.owner, now=now)
    actions.pin_note(note, True, by=cast.owner, now=now)
    actions.delete_note(note, by=cast.owner, now=now)
    entries = AuditEntry.objects.order_by("pk")
    assert [entry.verb for entry in entries] == ["note.added", "note.edited", "note.pinned", "note.deleted"]
    assert "机密" not in str([(entry.before, entry.after) for entry in entries])
