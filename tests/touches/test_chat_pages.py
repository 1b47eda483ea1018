"""The page of service chats: whose one may see, who is named there."""

from __future__ import annotations

import pytest
from django.test import Client

from evergreen.customers.models import Contact
from evergreen.touches.chats.keeping import tell_chats
from evergreen.touches.models import Channel, Chat
from tests.touches.posting import KEY, TOKEN, post, sealed
from tests.touches.service_server import Service
from tests.touches.stage import DAY, Stage


@pytest.fixture
def channel(stage: Stage, service: Service) -> Channel:
    return stage.wecom("wecom_kf", "客服", open_kfid="wk1", callback_token=TOKEN, callback_key=KEY)


def test_pages_show_chats_of_ones_accounts_and_of_strangers_and_name_them(
    stage: Stage, service: Service, channel: Channel
) -> None:
    stage.contact("王颖", wecom="wm-1")
    service.nicknames["wm-9"] = "小王"
    service.write("wm-1", "导出在<b>哪里</b>？")
    service.write("wm-9", "你好")
    post(channel.door, sealed(service.ring().encode()))
    tell_chats(now=stage.now)
    own, outside = Client(), Client()
    own.force_login(stage.cast.owner)
    outside.force_login(stage.cast.outsider)
    page = own.get("/service-chats/").content.decode()
    assert (
        "王颖" in page
        and "小王" in page
        and "导出在&lt;b&gt;哪里&lt;/b&gt;？" in page
        and "<b>哪里</b>" not in page
    )
    other = outside.get("/service-chats/?state=all").content.decode()
    assert "王颖" not in other and "小王" in other
    assert "王颖" not in outside.post("/service-chats/file/?state=all").content.decode()
    unknown = own.get("/service-chats/?state=unknown").content.decode()
    assert "小王" in unknown and "王颖" not in unknown
    stranger, known = Chat.objects.get(key="wm-9"), Chat.objects.get(key="wm-1")
    assert own.post(f"/service-chats/{known.pk}/person/", {"who": "aside"}).status_code == 404
    own.post(f"/service-chats/{stranger.pk}/person/", {"who": "new", "account": stage.cast.well.external_id})
    made = Contact.objects.get(name="小王")
    assert made.account == stage.cast.well and Chat.objects.get(key="wm-9").contact == made
    assert "导出在<b>哪里</b>？" in own.post("/service-chats/file/").content.decode()
    stage.now += 3 * DAY
    assert "王颖" not in own.get("/service-chats/").content.decode()


def test_somebody_of_nobody_is_asked_about_no_more(stage: Stage, service: Service, channel: Channel) -> None:
    service.write("wm-9", "广告")
    post(channel.door, sealed(service.ring().encode()))
    client = Client()
    client.force_login(stage.cast.owner)
    client.post(f"/service-chats/{Chat.objects.get().pk}/person/", {"who": "aside"})
    assert Chat.objects.get().is_aside
    assert "广告" not in client.get("/service-chats/?state=unknown").content.decode()
