"""Customer tags (企业客户标签) as WeCom's API has them: groups of tags, and which a member gave a customer.

A name has 30 characters at most. A group with a known name takes new tags into itself. Tags are given by the member who has the customer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evergreen.touches.channels.told import ToldTags
from evergreen.touches.channels.wecom.wire import Wecom


class Tags(Wecom):
    """A channel that reads and gives tags."""

    gives_tags = True

    def tag_groups(self) -> Iterator[ToldTags]:
        for row in self.ask("externalcontact/get_corp_tag_list", {}).get("tag_group") or ():
            if not row.get("deleted"):
                yield _told(row)

    def make_tags(self, group: str, name: str, tags: Sequence[str]) -> ToldTags:
        told = {"group_id": group} if group else {"group_name": name}
        answer = self.ask("externalcontact/add_corp_tag", told | {"tag": [{"name": one} for one in tags]})
        return _told(answer["tag_group"])

    def end_tags(self, group: str) -> None:
        self.ask("externalcontact/del_corp_tag", {"group_id": [group]})

    def mark(self, key: str, member: str, add: Sequence[str], remove: Sequence[str]) -> None:
        told: dict[str, object] = {"userid": member, "external_userid": key}
        told |= {name: list(tags) for name, tags in (("add_tag", add), ("remove_tag", remove)) if tags}
        self.ask("externalcontact/mark_tag", told)

    def tags_of(self, key: str) -> dict[str, list[str]]:
        found = {}
        for row in self.ask("externalcontact/get", external_userid=key).get("follow_user") or ():
            tags = [str(one["tag_id"]) for one in row.get("tags") or () if one.get("tag_id")]
            found[str(row["userid"])] = tags
        return found


def _told(row: Mapping[str, Any]) -> ToldTags:
    tags = {str(one["id"]): str(one["name"]) for one in row.get("tag") or () if not one.get("deleted")}
    return ToldTags(str(row["group_id"]), str(row.get("group_name") or ""), tags)
