"""JRN-19: short messages of a random life against a model: spellings of numbers, consents with and without proof, words of refusal, reports doubled and
in any order. ``EVERGREEN_SMS`` says how many people (default 60; the plan's 1,000 take some minutes)."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field

from evergreen.customers.models import Contact
from evergreen.touches import actions
from evergreen.touches.models import Channel, Consent, Message, Receipt
from evergreen.touches.values import Person
from tests.touches.stage import MINUTE, Stage
from tests.touches.test_sms import posted

PEOPLE = int(os.environ.get("EVERGREEN_SMS", "60"))
SPELLINGS = ("{n}", "+86{n}", "+86 {a}-{b}-{c}", "0086{n}", "86{n}", " {a} {b} {c} ", "+86-{a}-{b}-{c}")
REFUSALS = ("TD", "退订", " 拒收 ", "td", "T", "STOP", "取消订阅", "R")
ANSWERS = ("好的", "TD吗？", "谢谢，不退订", "T 恤有货吗", "stop by tomorrow", "1")
RANK = {"": 0, "delivered": 1, "bounced": 2, "replied": 3}


@dataclass
class Life:
    """What is known of one person, by the plain rules."""

    number: str
    has_proof: bool
    refused: bool = False
    got: int = 0
    outcomes: dict[int, str] = field(default_factory=dict)


def template(stage: Stage) -> object:
    texts = {
        "name": {"zh": "到期提醒"}, "topic": "service", "subject": {}, "body": {"zh": "合同快到期了"}, "sms": {"aliyun-sms": {"code": "SMS_1", "values": {}}},
    }  # fmt: skip
    return actions.save_template(None, "due", texts, by=stage.cast.boss, now=stage.now)


def person(stage: Stage, chance: random.Random, at: int) -> tuple[Contact, Life]:
    number = f"1{chance.choice('3456789')}{at:05d}{chance.randrange(10_000):04d}"
    spelt = chance.choice(SPELLINGS).format(n=number, a=number[:3], b=number[3:7], c=number[7:])
    made = stage.contact(f"p{at}", phone=spelt, consents=False)
    kind = chance.choice(("proof", "proof", "proof", "no proof", "none", "other medium"))
    if kind != "none":
        # What an old file may hold: the page refuses a consent to SMS without proof.
        Consent.objects.create(
            contact=made, medium="mail" if kind == "other medium" else "sms", state=Consent.State.GIVEN, source=Consent.Source.FILE,
            proof="contract 12" if kind == "proof" else "", at=stage.now,
        )  # fmt: skip
    return made, Life(number, kind == "proof")


def test_a_random_life_of_short_messages_equals_the_model(stage: Stage) -> None:
    chance = random.Random(19)
    channel = stage.aliyun()
    text = template(stage)
    people = [person(stage, chance, at) for at in range(PEOPLE)]
    answers = 0
    for _round in range(6):
        stage.now += 61 * MINUTE
        for _contact, life in people:
            if chance.random() < 0.3:
                word = chance.choice(REFUSALS if chance.random() < 0.5 else ANSWERS)
                answers += 1
                told = {"content": word, "phone_number": chance.choice(SPELLINGS[:4]).format(n=life.number, a=life.number[:3], b=life.number[3:7], c=life.number[7:]), "sequence_id": answers}  # fmt: skip
                for _twice in range(chance.choice((1, 2))):
                    posted(channel, [told])
                life.refused |= word in REFUSALS
                if life.outcomes:
                    newest = max(life.outcomes)
                    life.outcomes[newest] = max(life.outcomes[newest], "replied", key=RANK.__getitem__)
        # Within the same minute as the refusals.
        for contact, _life in people:
            stage.write(channel, Person(contact.account_id, contact=contact.pk), template=text, medium="sms")
        for _batch in range(2 + PEOPLE // 40):
            stage.send()
        fresh = report(stage, chance, channel, people)
        assert fresh == {contact.pk for contact, life in people if life.has_proof and not life.refused}
    kept = dict(Message.objects.filter(state=Message.State.ACCEPTED).values_list("pk", "outcome"))
    assert kept == {pk: outcome for _contact, life in people for pk, outcome in life.outcomes.items()}
    assert sum(life.got for _contact, life in people) == len(stage.fake.took) > PEOPLE
    for _contact, life in people:
        assert sum(to.endswith(life.number) for _kind, to, _text in stage.fake.took) == life.got
    assert Receipt.objects.filter(kind="delivered").count() <= len(kept)


def report(
    stage: Stage, chance: random.Random, channel: Channel, people: list[tuple[Contact, Life]]
) -> set[int]:
    """The provider reports of what it just took, some twice, in any order, some of them contradicting themselves; who got one."""
    lives = {contact.pk: life for contact, life in people}
    rows = list(Message.objects.filter(state=Message.State.ACCEPTED, outcome="", ended_at__gte=stage.now))
    told = []
    for row in rows:
        life = lives[row.contact_id or 0]
        life.got += 1
        words = chance.choice(([], [True], [True, True], [False, True], [True, False], [False]))
        # A later "delivered" never takes back a failure: that a number exists is not what failed.
        life.outcomes[row.pk] = max(
            ("delivered" if word else "bounced" for word in words), key=RANK.__getitem__, default=""
        )
        told += [
            {
                "out_id": row.key, "biz_id": row.provider_id, "success": word, "err_code": "DELIVERED" if word else "SP_LIMIT",
                "report_time": "2026-11-20 10:00:00", "phone_number": row.address,
            }
            for word in words
        ]  # fmt: skip
    chance.shuffle(told)
    for one in told:
        posted(channel, [one])
    return {row.contact_id or 0 for row in rows}
