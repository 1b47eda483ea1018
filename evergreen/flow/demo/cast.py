"""Who plays: the vendor's staff and teams, and seven accounts whose story is told on purpose."""

from __future__ import annotations

from dataclasses import dataclass, field

from evergreen.base.roles import Role

DOMAIN = "demo.example"
PASSWORD = "changqing-2026"  # noqa: S105  (printed on purpose: the vendor is made up)
STRATEGIC, GROWTH, POOL = "战略客户组", "成长客户组", "共享服务组"
TEAMS = {STRATEGIC: "Strategic accounts", GROWTH: "Growth accounts", POOL: "Shared pool"}


@dataclass(frozen=True, slots=True)
class Colleague:
    """A member of the vendor's staff. ``book``: which accounts it looks after; empty for those who own none."""

    key: str
    name: str
    role: Role
    team: str = ""
    book: str = ""

    @property
    def email(self) -> str:
        return f"{self.key}@{DOMAIN}"


STAFF: tuple[Colleague, ...] = (
    Colleague("zhou.ning", "周宁", Role.CSM, STRATEGIC, "strategic"),
    Colleague("he.chuan", "何川", Role.CSM, STRATEGIC, "strategic"),
    Colleague("shen.mo", "沈墨", Role.CSM, GROWTH, "growth"),
    Colleague("su.he", "苏禾", Role.CSM, GROWTH, "growth"),
    Colleague("han.xue", "韩雪", Role.CSM, GROWTH, "growth"),
    Colleague("tang.guo", "唐果", Role.CSM, GROWTH, "growth"),
    Colleague("xu.xing", "许星", Role.ONBOARDING, GROWTH, "onboarding"),
    Colleague("luo.yi", "罗毅", Role.CSM, POOL, "basic"),
    Colleague("fang.yun", "方芸", Role.CSM, POOL, "basic"),
    Colleague("qin.lang", "秦朗", Role.RENEWAL, POOL, "basic"),
    Colleague("feng.jie", "冯洁", Role.SUPPORT, POOL),
    Colleague("gu.lan", "顾岚", Role.MANAGER),
    Colleague("lu.heng", "陆衡", Role.CS_OPERATIONS),
    Colleague("ye.zhiqiu", "叶知秋", Role.CS_ANALYST),
)
FACE = STAFF[0]
MANAGER = next(one for one in STAFF if one.role == Role.MANAGER)
OPERATOR = next(one for one in STAFF if one.role == Role.CS_OPERATIONS)
SUPPORT = next(one for one in STAFF if one.role == Role.SUPPORT)

Path = tuple[tuple[int, float], ...]  # (days before the last day, value), oldest first


@dataclass(frozen=True, slots=True)
class Star:
    """An account with a written story. Days count back from the last day of the story.

    ``mood``: the hidden satisfaction, -2 miserable, 0 doubtful, 2 delighted. ``filled``: share of the seats in use.
    ``lost_feature``: (feature, days ago, share of its users that stay). ``chain``: (name, title, role, influence,
    attitude, days since the last talk), the decision maker first; ``speaks``: one story a talk, (days ago, words).
    """

    name: str
    en: str
    trade: str
    city: str
    size: int
    tier: str
    edition: str
    seats: int
    arr_cents: int
    owner: str
    started: int
    ends_in: int
    mood: Path
    filled: Path
    chain: tuple[tuple[str, str, str, int, str, int], ...] = ()
    tenants: tuple[tuple[str, str], ...] = ()
    lost_feature: tuple[str, int, float] | None = None
    unpaid: int | None = None
    answers: tuple[tuple[int, int], ...] = ()
    tickets: tuple[tuple[int, str, str, bool], ...] = ()
    notes: tuple[tuple[int, str], ...] = ()
    talks: tuple[tuple[int, str, str], ...] = ()
    tags: tuple[str, ...] = field(default=())


STARS: tuple[Star, ...] = (
    Star(
        "澄明财税科技", "Chengming Tax Technology", "财税服务", "杭州", 180, "strategic", "flagship", 80, 28_600_000, "zhou.ning",
        started=1008, ends_in=87,
        mood=((730, 0.9), (400, 1.3), (120, 0.9), (62, 0.6), (34, 0.45), (22, 0.1), (12, -0.2), (0, -0.3)),
        filled=((730, 0.7), (60, 0.82), (30, 0.78), (0, 0.6)),
        chain=(
            ("林淑敏", "财务负责人", "decision_maker", 5, "neutral", 94),
            ("高远", "信息主管", "influencer", 4, "supports", 6),
            ("许晴", "会计组长", "daily_user", 2, "supports", 2),
        ),
        lost_feature=("reconciliation", 24, 0.3),
        answers=((118, 8), (100, 7), (12, 6)),
        tickets=(
            (26, "数据导出失败，提示接口权限不足", "high", True), (22, "自动对账结果与银行流水不一致", "high", True),
            (17, "自动对账跑完没有差异明细", "medium", True), (9, "对账模板导出乱码", "medium", True),
            (3, "自动对账任务一直排队", "urgent", False),
        ),
        notes=(
            (25, "导出接口权限在上次升级里被重置，会计组 13 个人回到手工对账。@冯洁 准备的脚本还没给客户。"),
            (6, "高远说林总在看另一家的报价，想在续约前看到“自动对账率”恢复。要约林总当面谈一次。@顾岚"),
        ),
        talks=(
            (94, "meeting", "季度复盘：林总认可月结从 6 天缩到 3 天，提出年底前自动对账率做到 80%。"),
            (24, "call", "高远反馈升级后导出失败，会计组先手工对账，希望一周内修好。"),
            (6, "chat", "高远：修复方案已经收到，但大家习惯手工了，需要再培训一次。"),
            (2, "chat", "许晴确认了 3 个对不上的科目，愿意先试跑新模板。"),
        ),
        tags=("标杆候选",),
    ),
    Star(
        "远帆供应链", "Yuanfan Supply Chain", "物流供应链", "宁波", 420, "strategic", "professional", 60, 21_000_000, "zhou.ning",
        started=1054, ends_in=41,
        mood=((730, 1.3), (300, 1.2), (150, 0.8), (90, 0.4), (30, 0.15), (0, 0.05)),
        filled=((730, 0.95), (180, 0.95), (120, 0.8), (60, 0.6), (0, 0.5)),
        chain=(
            ("陈岩", "副总经理", "decision_maker", 5, "opposes", 12),
            ("袁志航", "供应链总监", "influencer", 4, "neutral", 12),
            ("潘蕾", "采购经理", "purchaser", 3, "neutral", 33),
            ("董玲", "仓储主管", "daily_user", 2, "supports", 40),
        ),
        unpaid=18,
        answers=((165, 7), (130, 6), (40, 4), (38, 3)),
        tickets=(
            (27, "批次库存与实际不符", "high", True), (15, "冷链仓扫码枪经常掉线", "medium", True),
        ),
        notes=(
            (66, "推动人、原信息部经理离职，新接手的袁总监用过友商产品，正在做对比。"),
            (12, "评审结论：有风险。三个条件：批次追溯、扫码枪离线、价格。@何川 一起出方案。"),
        ),
        talks=(
            (66, "call", "信息部经理离职交接，接手人是供应链总监袁志航。"),
            (33, "mail", "潘蕾来信询价：如果席位减到 35，单价怎么算。"),
            (12, "meeting", "续约评审：陈总要求月底前看到批次追溯的上线计划，否则缩减到一个仓试用友商。"),
        ),
        tags=("续约有风险",),
    ),
    Star(
        "青禾连锁", "Qinghe Stores", "零售连锁", "成都", 260, "growth", "professional", 46, 14_400_000, "zhou.ning",
        started=90, ends_in=275,
        mood=((90, 0.3), (60, -0.2), (30, -0.15), (0, 0.0)),
        filled=((90, 0.3), (60, 0.55), (30, 0.68), (0, 0.76)),
        chain=(
            ("夏文洁", "运营副总", "decision_maker", 5, "supports", 21),
            ("余佳", "门店督导", "influencer", 3, "supports", 3),
            ("邓晨", "总仓主管", "daily_user", 2, "neutral", 16),
        ),
        tenants=(("春熙路店", "Chunxi Road"), ("天府店", "Tianfu"), ("高新店", "High-tech Zone"), ("总仓", "Main warehouse")),
        answers=((28, 8), (14, 7)),
        tickets=((33, "门店盘点单提交后库存没变", "high", True), (12, "新店如何批量导入商品", "low", True)),
        notes=((3, "90 天检查准备好了：激活率 72%，目标“门店盘点 2 天内完成”现在是 3.1 天，差在总仓复核。"),),
        talks=(
            (84, "visit", "启动会：目标是门店盘点从 4 天降到 2 天，三家门店先上。"),
            (21, "meeting", "夏总看了三店盘点耗时，同意第二批 6 家店下个月上线。"),
            (3, "call", "余佳确认 90 天检查的时间，想多看总仓复核的做法。"),
        ),
    ),
    Star(
        "启明教育", "Qiming Education", "教育培训", "南京", 320, "growth", "professional", 28, 9_800_000, "shen.mo",
        started=570, ends_in=160,
        mood=((570, 0.8), (200, 0.6), (90, 0.4), (30, 0.45), (0, 0.75)),
        filled=((570, 0.7), (200, 0.9), (0, 1.0)),
        chain=(
            ("姜颖", "总会计师", "decision_maker", 5, "supports", 8),
            ("叶晓阳", "校区运营", "influencer", 3, "supports", 15),
            ("钟倩", "财务主管", "daily_user", 2, "supports", 8),
        ),
        tenants=(("鼓楼校区", "Gulou"), ("江宁校区", "Jiangning"), ("仙林校区", "Xianlin")),
        answers=((140, 9), (60, 8), (33, 8)),
        notes=((8, "席位 96% 已用，多校区报表这个月打开了很多次。姜总问旗舰版的预算控制，可以提增购。"),),
        talks=((8, "meeting", "姜总想把预算下放到校区，问旗舰版能不能按校区控制预算。"),),
        tags=("增购机会",),
    ),
    Star(
        "恒岳机械", "Hengyue Machinery", "制造", "杭州", 860, "strategic", "flagship", 85, 32_400_000, "he.chuan",
        started=1257, ends_in=203,
        mood=((730, 0.9), (365, 1.1), (0, 1.3)),
        filled=((730, 0.8), (0, 0.93)),
        chain=(
            ("傅国强", "总经理", "decision_maker", 5, "supports", 2),
            ("魏琳", "财务总监", "decision_maker", 4, "supports", 23),
            ("任宇", "信息部经理", "influencer", 4, "supports", 9),
            ("丁雪梅", "备件仓主管", "daily_user", 2, "supports", 9),
        ),
        answers=((125, 10), (70, 9), (35, 10)),
        tickets=((13, "备件组套后成本分摊怎么设", "low", True),),
        notes=((2, "备件周转 4.2 → 6.0 次/年，达到目标。傅总愿意在行业会上讲，可以请他推荐。"),),
        talks=((23, "meeting", "年度目标回顾：备件周转达到 6.0 次，呆滞库存少了 210 万。"), (2, "visit", "拜访傅总：同意做案例，明年想把售后备件也搬上来。")),
        tags=("可推荐", "案例"),
    ),
    Star(
        "云杉物业", "Yunshan Property", "物业服务", "合肥", 210, "growth", "professional", 24, 8_200_000, "shen.mo",
        started=612, ends_in=118,
        mood=((612, 0.9), (200, 0.6), (60, 0.1), (30, -0.05), (0, -0.15)),
        filled=((612, 0.8), (90, 0.8), (0, 0.68)),
        chain=(
            ("曾平", "财务经理", "decision_maker", 4, "neutral", 20),
            ("卢娟", "出纳", "daily_user", 2, "neutral", 47),
        ),
        answers=((80, 7), (77, 6)),
        tickets=((19, "物业费批量开票很慢", "medium", True),),
        notes=((20, "收费季用得多，平时只有两个人登录。收费模板如果能按楼栋，曾经理愿意推给项目部。"),),
        talks=((20, "call", "曾平：批量开票慢，项目部还在用表格。"),),
    ),
    Star(
        "南屿咨询", "Nanyu Consulting", "企业服务", "厦门", 12, "basic", "standard", 4, 1_200_000, "",
        started=14, ends_in=351,
        mood=((14, 0.8), (0, 0.7)),
        filled=((14, 0.0), (0, 0.0)),
        chain=(("汪楠", "合伙人", "decision_maker", 5, "unknown", 0),),
    ),
)  # fmt: skip
