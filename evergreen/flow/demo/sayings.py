"""What people say and write in the story: tickets, answers, talks, notes, titles. Data, not interface."""

from __future__ import annotations

from evergreen.flow.demo.feeling import Kind

# (subject, priority weights low/medium/high/urgent by place: the index of its usual priority)
TICKETS: tuple[tuple[str, int], ...] = (
    ("凭证保存后科目余额没更新", 2), ("自动对账有 3 笔流水匹配不上", 1), ("银行流水下载不完整", 2), ("开票提示税控盘未连接", 2),
    ("采购单审批后还能改数量", 1), ("销售单打印模板错位", 0), ("盘点单提交后库存没变", 2), ("纳税申报表带不出上月数", 2),
    ("新员工怎么开通权限", 0), ("多组织报表合并口径怎么设", 1), ("手机端审批看不到附件", 1), ("导出的表格打开是乱码", 1),
    ("批量导入提示第 12 行格式错误", 1), ("成本核算结果和手工差 0.3%", 2), ("期初数据录错怎么反结账", 1), ("库存预警没有推送", 1),
    ("登录提示会话过期，一天要登好几次", 1), ("打开看板要等十几秒", 2), ("客户档案重复怎么合并", 0), ("价格表生效时间不对", 1),
    ("报销单驳回后找不到", 1), ("接口返回 403", 2), ("发票重复报销提醒能不能关", 0), ("月末结账一直转圈", 3),
    ("数据导出失败", 2), ("系统打不开，全公司都用不了", 3),
)  # fmt: skip
INCIDENT_TICKETS: tuple[tuple[str, int], ...] = (
    ("升级后自动对账结果不对", 2), ("升级后数据导出失败", 2), ("升级后接口权限丢了", 3), ("升级后报表打不开", 2),
)  # fmt: skip
COMPLAINTS = (
    "同一个问题第三次提了还没解决，请给个说法",
    "承诺上周修好的对账问题还在，财务加了三天班",
    "客服三天没有人回，我们要投诉",
)

PROMOTERS = (
    "月结从 6 天缩到 3 天，帮了大忙。", "对账基本不用人盯了。", "响应快，顾问懂我们的业务。", "门店库存终于准了。", "老板看板很直观，每周例会都用。",
    "申报期不用再加班。", "已经推荐给两家同行。", "上手比想象的快。", "", "",
)  # fmt: skip
PASSIVES = (
    "能用，希望报表再灵活一点。",
    "功能够用，价格不算低。",
    "手机端还可以更顺。",
    "客服不错，文档要补。",
    "盘点流程有点绕。",
    "",
    "",
    "",
)
DETRACTORS = {
    Kind.INCIDENT: ("升级以后问题多，影响了月结。", "导出经常失败，只能手工做。"),
    Kind.CHAMPION_LEFT: ("换人以后没人教我们怎么用。", "原来负责的同事走了，很多功能没人会。"),
    Kind.COMPETITOR: ("同行用的那家更便宜，功能也差不多。", "在看另一家，批次追溯他们有。"),
    Kind.BAD_ONBOARDING: ("上线三个月了还没跑通一个完整月结。", "实施顾问换了两个，需求说了好几遍。"),
    Kind.PRICE_RISE: ("涨价没有提前说，感受不好。", "今年贵了，没看到多了什么。"),
    Kind.TROUBLE: ("公司在压成本，系统能省就省。", "门店关了一半，用不上这么多席位。"),
    Kind.LOW_VALUE: ("主要还是用表格，系统用得少。", "没看到明显的效果。", "功能很多，但我们只用到开票。"),
}
CSAT_WORDS = ("解决了，谢谢。", "速度很快。", "来回沟通了几次才说清楚。", "问题还会再出现。", "", "", "")

# Talks by state of mind: {who} is a person, {feature} something they use.
TALKS_GOOD = (
    "{who}说{feature}用得顺手，希望下季度把更多同事加进来。", "例行回访：{who}反馈月结比去年快了两天，{feature}是最常用的。",
    "和{who}过了一遍目标，{feature}的效果已经写进他们的月报。", "{who}愿意在同行群里分享{feature}的做法。", "{who}问了新版本的上线时间，整体满意。",
)  # fmt: skip
TALKS_FAIR = (
    "{who}：{feature}会用，但报表还要导出来再加工。约了下次演示自定义报表。", "例行回访：使用平稳，{who}希望{feature}少几步操作。",
    "{who}提了两个小需求，已转产品；{feature}暂时没有问题。", "{who}那边月底忙，只聊了十分钟，{feature}照常在用。", "和{who}核对了账号，清理了 2 个离职账号。",
)  # fmt: skip
TALKS_POOR = {
    Kind.INCIDENT: (
        "{who}对升级后的{feature}很不满，要求给出修复时间表。",
        "向{who}说明了故障原因和补偿，{feature}的数据已经补齐。",
    ),
    Kind.CHAMPION_LEFT: (
        "推动人离职，和接手的{who}重新介绍了{feature}，对方还没有想法。",
        "{who}刚接手，{feature}停了两周，约了一次重新培训。",
    ),
    Kind.COMPETITOR: (
        "{who}透露在试用友商，主要比{feature}和价格。",
        "{who}要我们给一份与友商的对比，重点是{feature}。",
    ),
    Kind.BAD_ONBOARDING: (
        "{who}：上线进度慢，{feature}还没跑通，要求换实施顾问。",
        "重新排了上线计划，先保证{feature}这一条线，{who}同意。",
    ),
    Kind.PRICE_RISE: (
        "{who}对新价格有意见，希望按老价续一年。",
        "给{who}算了{feature}省下的工时，对方说要内部讨论。",
    ),
    Kind.TROUBLE: ("{who}说公司在收缩，席位可能要减。", "{who}请求分期付款，{feature}之外的模块都停了。"),
    Kind.LOW_VALUE: (
        "{who}：大家还是习惯表格，{feature}只有一个人在用。",
        "{who}看不到{feature}的价值，约了一次目标梳理。",
    ),
}
RENEWED_TALK = "续约谈定：{who}确认续一年，下一年重点是{feature}。"
LOST_TALK = "{who}明确不再续约，原因：{why}。约好交接数据导出。"
WHY_LOST = {
    Kind.INCIDENT: "多次故障影响月结", Kind.CHAMPION_LEFT: "推动人离职后没人用", Kind.COMPETITOR: "换用友商产品",
    Kind.BAD_ONBOARDING: "上线没有跑通", Kind.PRICE_RISE: "价格上涨超出预算", Kind.TROUBLE: "经营收缩", Kind.LOW_VALUE: "用得少，看不到价值",
}  # fmt: skip

NOTES = {
    Kind.INCIDENT: "升级故障影响了这家，月结晚了一天。已登记补偿，{owner}每周跟进到稳定。",
    Kind.CHAMPION_LEFT: "推动人**{who}**离职。要尽快认识接手的人，重新过一遍目标。",
    Kind.COMPETITOR: "友商在接触，报价低两成左右。客户最在意{feature}。@{boss} 需要一个价格口径。",
    Kind.BAD_ONBOARDING: "上线比计划晚了一个月：\n\n- 期初数据没准备好\n- 关键用户没空参加培训\n\n先把{feature}跑通。",
    Kind.PRICE_RISE: "续约报价按新价目表，客户反应大。准备一份使用价值小结再谈。",
    Kind.TROUBLE: "客户经营压力大，付款会慢。和财务说过，先保住核心席位。",
    Kind.RESCUE: "挽回动作有效：重新培训了两次，{feature}的使用回来了。",
    Kind.SUCCESS: "{feature}带来的效果客户写进了月报，可以做案例。",
}
NOTE_START = "启动会结论：目标是**{goal}**，第一阶段上线{feature}，关键用户 {count} 人。"
GOALS = (
    "月结 3 天内完成",
    "库存准确率 98%",
    "应收逾期降一半",
    "开票当天完成",
    "采购周期缩短 20%",
    "门店盘点 2 天内完成",
    "报销 3 天到账",
)

TITLES = {
    "decision_maker": ("总经理", "财务总监", "副总经理", "财务负责人", "合伙人", "运营副总"),
    "influencer": ("信息部经理", "财务经理", "供应链经理", "运营经理"),
    "purchaser": ("采购经理", "行政采购", "采购主管"),
    "daily_user": ("会计", "会计主管", "仓库主管", "销售内勤", "出纳", "采购员"),
}

# Tasks that staff plan for themselves: (zh, en, days ahead, priority).
PLANNED: tuple[tuple[str, str, int, int], ...] = (
    ("季度业务复盘：准备数据和目标完成情况", "Quarterly review: prepare figures and goals", 9, 3),
    ("补全决策链：确认采购负责人", "Complete the decision chain: find the purchaser", 6, 4),
    ("给新同事安排一次上手培训", "Arrange training for new users", 5, 3),
    ("演示自定义报表", "Show custom reports", 4, 3),
    ("回访上次提的两个需求的进展", "Tell them how their two requests stand", 3, 3),
    ("清理离职账号，核对席位", "Remove accounts of people who left, check seats", 7, 4),
    ("约决策者谈明年目标", "Meet the decision maker on next year's goals", 8, 2),
    ("邀请参加月度用户课堂", "Invite them to the monthly user class", 6, 4),
    ("发月结提速案例，看是否适用", "Send the faster month-end case", 4, 4),
)  # fmt: skip
ALERT_DONE = {
    "health_red": (
        "已通话，约定两周恢复计划",
        "已上门，定位到使用断点，安排培训",
        "客户确认仍在用，等升级修复",
    ),
    "health_drop": (
        "客户说是月末人手紧，下周恢复",
        "原因是升级后的操作变化，已发指引",
        "已沟通，继续观察一周",
    ),
    "no_activity": ("已联系到，答应本周恢复使用", "电话未接，已发邮件并约下周再联系"),
    "renewal_due": (
        "已约决策者谈续约目标与价值",
        "已发续约方案，等客户内部流程",
        "客户同意按原席位续，走合同",
    ),
    "invoice_overdue": ("财务确认本月内付款", "客户在走付款流程", "已发对账单，客户在核"),
}
PLANNED_DONE = ("已完成", "已完成，客户满意", "已完成，下次换个时间再深入")
FALSE_ALARM = "数据口径变化引起，实际使用正常"
SIGNED = "已续签"
LOST = "客户不再续约：{why}"

# Tasks that the stars' stories leave for today: (name, zh, en, why zh, why en, days from the day after the last, priority).
STAR_TASKS: tuple[tuple[str, str, str, str, str, int, int], ...] = (
    ("澄明财税科技", "约见财务负责人林淑敏", "Meet Lin Shumin, head of finance", "决策者 94 天没有沟通，87 天后到期，对账停用还没解决。",
     "No talk with the decision maker for 94 days, 87 days to the end, reconciliation still unused.", 0, 1),
    ("远帆供应链", "回复陈总：批次追溯的上线计划", "Answer Mr Chen: the plan for batch tracing", "上次评审结论“有风险”，陈总要求月底前看到计划。",
     "The last review said at risk; Mr Chen wants to see the plan by the end of the month.", -3, 1),
    ("青禾连锁", "90 天检查：带上三个问题", "90-day check: bring the three questions", "使用第 90 天；目标“门店盘点 2 天内完成”现为 3.1 天。",
     "Day 90; the goal of stocktaking within 2 days stands at 3.1.", 0, 2),
    ("启明教育", "演示旗舰版的预算控制", "Show budget control of the flagship edition", "席位几乎用满，姜总问过按校区控制预算。",
     "Nearly every seat is used; Ms Jiang asked for budgets by campus.", 0, 3),
    ("恒岳机械", "请傅总做推荐", "Ask Mr Fu for a referral", "备件周转 4.2 → 6.0 次/年，目标达成，拜访时他愿意讲。",
     "Spare-part turnover went from 4.2 to 6.0 a year; he is willing to speak.", 0, 3),
)  # fmt: skip
