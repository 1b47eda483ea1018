"""Tags in WeCom: the groups that Evergreen keeps, those that people keep there, and the form of a new one with what would come of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from evergreen.base.languages import in_words
from evergreen.metrics.segments.queries import segments
from evergreen.touches.models import Channel, TagGroup, Tie
from evergreen.touches.tags import marking
from evergreen.web import formats

Direction = TagGroup.Direction
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Line:
    """A group with how many people have each of its tags, the most frequent first; ``more`` are not shown."""

    group: TagGroup
    tags: Sequence[tuple[str, int]]
    more: int
    source: str


class TagPage:
    """Every group of every channel that gives tags."""

    @cached_property
    def channels(self) -> list[Channel]:
        return marking.channels()

    @cached_property
    def _people(self) -> Mapping[int, Counter[str]]:
        """How many people of a channel have a tag: two members who gave it to one count once."""
        found: dict[int, Counter[str]] = {}
        for channel in self.channels:
            rows = Tie.objects.filter(channel=channel, ended_at=None).exclude(tags=[])
            pairs = {(key, tag) for key, tags in rows.values_list("key", "tags") for tag in tags}
            found[channel.pk] = Counter(tag for _key, tag in pairs)
        return found

    def _lines(self, directions: Sequence[str]) -> list[Line]:
        rows = TagGroup.objects.filter(channel__in=self.channels, direction__in=directions)
        fields = marking.fields()
        names = {one.key: formats.named(one.name) or one.key for one in segments()}
        found = []
        for one in rows.select_related("channel"):
            people = self._people[one.channel_id]
            tags = sorted(
                ((name, people[key]) for key, name in one.tags.items()), key=lambda tag: (-tag[1], tag[0])
            )
            listed = pgettext("list", ", ").join(names.get(key, key) for key in one.segments)
            field = fields.get(one.field)
            source = listed or (in_words(field.name) if field is not None else one.field)
            found.append(Line(one, tags[:_SHOWN], max(0, len(tags) - _SHOWN), source))
        return found

    @cached_property
    def kept(self) -> list[Line]:
        """Those that Evergreen keeps."""
        return self._lines([Direction.OUT])

    @cached_property
    def theirs(self) -> list[Line]:
        """Those that people keep in WeCom."""
        return self._lines([Direction.NONE, Direction.IN])


class TagForm:
    """A group that Evergreen keeps, as it was sent or stands; ``foreseen`` says what would come of it."""

    def __init__(self, group: TagGroup | None, post: QueryDict | None) -> None:
        self.group, self.post = group, post
        self.problems: list[str] = []

    def _told(self, name: str, stored: str) -> str:
        return self.post.get(name, "") if self.post is not None else stored

    @cached_property
    def channels(self) -> list[Channel]:
        return marking.channels()

    @cached_property
    def channel(self) -> Channel | None:
        if self.group is not None:
            return self.group.channel
        asked = self._told("channel", "")
        return next(
            (one for one in self.channels if one.key == asked),
            None if asked else next(iter(self.channels), None),
        )

    @property
    def name(self) -> str:
        return self.group.name if self.group is not None else self._told("name", "")

    @property
    def by(self) -> str:
        """``field`` or ``segments``."""
        stored = "segments" if self.group is not None and self.group.segments else "field"
        return "segments" if self._told("by", stored) == "segments" else "field"

    @property
    def field(self) -> str:
        if self.by == "segments":
            return ""
        return self._told("field", self.group.field if self.group is not None else "health_band")

    @property
    def segments(self) -> list[str]:
        if self.by != "segments":
            return []
        if self.post is not None:
            return self.post.getlist("segments")
        return list(self.group.segments) if self.group is not None else []

    @property
    def field_choices(self) -> list[tuple[str, str]]:
        return [(key, in_words(one.name)) for key, one in marking.fields().items()]

    @property
    def segment_choices(self) -> list[tuple[str, str, bool]]:
        chosen = set(self.segments)
        return [(one.key, formats.named(one.name) or one.key, one.key in chosen) for one in segments()]

    @property
    def is_asked(self) -> bool:
        return self.post is not None and "foresee" in self.post and not self.problems

    @cached_property
    def foreseen(self) -> list[tuple[str, int]]:
        """How many times each tag would be given."""
        return sorted(self._marking.counts.items(), key=lambda one: (-one[1], one[0]))

    @cached_property
    def _marking(self) -> marking.Marking:
        asked = TagGroup(
            channel=self.channel,
            field=self.field,
            segments=self.segments,
            tags=self.group.tags if self.group is not None else {},
        )
        return marking.compare(asked)

    @property
    def ties(self) -> int:
        return self._marking.ties

    @property
    def changes(self) -> int:
        return len(self._marking.changes)

    @property
    def states(self) -> list[tuple[str, str]]:
        return [("field", _("A field's value")), ("segments", _("Segments"))]
