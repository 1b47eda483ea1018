"""The built-in metrics (product.md 4.2). Formulas read top to bottom: each uses only metrics above it."""

from __future__ import annotations

from evergreen.metrics.rules import Formula, Kind, Metric, Rows, Usage


def _metric(
    key: str,
    kind: Kind,
    of: Usage | Rows | Formula,
    zh: str,
    en: str,
    zh_why: str,
    en_why: str,
    better: str = "",
    group: str = "",
) -> Metric:
    return Metric(key, kind, of, {"zh": zh, "en": en}, {"zh": zh_why, "en": en_why}, group, better)  # type: ignore[arg-type]


_ACTIVITY = [
    _metric("active_users_1d", "count", Usage("users", 1), "日活用户", "Daily active users",
            "当天有使用行为的终端用户数。", "End users with any use on the day.", "up"),
    _metric("active_users_7d", "count", Usage("users", 7), "周活用户", "Weekly active users",
            "近 7 天有使用行为的终端用户数。", "End users with any use in 7 days.", "up"),
    _metric("active_users_28d", "count", Usage("users", 28), "月活用户", "Monthly active users",
            "近 28 天有使用行为的终端用户数。", "End users with any use in 28 days.", "up"),
    _metric("active_users_prev_28d", "count", Usage("users", 28, lag=28), "上期月活用户", "Active users, 28 days before",
            "再往前 28 天有使用行为的终端用户数。", "End users with any use in the 28 days before these 28.", "up"),
    _metric("active_users_trend", "share", Formula("active_users_28d / active_users_prev_28d - 1"),
            "活跃用户变化", "Trend of active users", "近 28 天与再往前 28 天的活跃用户相比的变化。",
            "Active users of 28 days against the 28 days before.", "up"),
    _metric("active_days_7d", "count", Usage("days", 7), "7 天活跃天数", "Active days in 7",
            "近 7 天里有使用行为的天数。", "Days with any use among the last 7.", "up"),
    _metric("active_days_28d", "count", Usage("days", 28), "28 天活跃天数", "Active days in 28",
            "近 28 天里有使用行为的天数。", "Days with any use among the last 28.", "up"),
    _metric("events_28d", "count", Usage("events", 28), "28 天行为数", "Events in 28 days",
            "近 28 天的使用行为次数。", "Uses counted in 28 days.", "up"),
    _metric("events_prev_28d", "count", Usage("events", 28, lag=28), "上期行为数", "Events, 28 days before",
            "再往前 28 天的使用行为次数。", "Uses counted in the 28 days before these 28.", "up"),
    _metric("events_trend", "share",
            Formula("(events_28d / working_days_28d) / (events_prev_28d / working_days_prev_28d) - 1"),
            "使用量变化", "Trend of use", "按工作日平均的使用量，与再往前 28 天相比（春节不会误报）。",
            "Uses per working day against the 28 days before, so that holidays do not look like a fall.", "up"),
    _metric("user_days_28d", "count", Usage("user_days", 28), "28 天人天", "User days in 28 days",
            "近 28 天中，每个工作日活跃用户数之和。", "Active users summed over the working days of 28 days.", "up"),
    _metric("stickiness", "share", Formula("user_days_28d / working_days_28d / active_users_28d"),
            "粘性", "Stickiness", "工作日平均日活 ÷ 月活。", "Mean daily users of working days ÷ monthly users.", "up"),
    _metric("regular_users_28d", "count", Usage("users", 28, per_week=2), "常用用户", "Regular users",
            "近 28 天平均每周至少 2 个工作日使用的用户数。", "Users on at least 2 working days a week over 28 days.", "up"),
    _metric("activated_users", "count", Rows("people", "count"), "已激活用户", "Activated users",
            "曾经使用过产品的终端用户数。", "End users who ever used the product.", "up"),
    _metric("use_frequency", "share", Formula("regular_users_28d / activated_users"), "使用频率", "Use frequency",
            "常用用户 ÷ 已激活用户。", "Regular users ÷ activated users.", "up"),
    _metric("login_ratio", "share", Formula("active_users_28d / activated_users"), "登录比例", "Log-in ratio",
            "近 28 天活跃用户 ÷ 已激活用户。", "Active users of 28 days ÷ activated users.", "up"),
    _metric("hours_28d", "number", Usage("seconds", 28), "28 天使用时长", "Hours in 28 days",
            "近 28 天上报的使用时长（小时）。", "Reported time of use in 28 days, in hours.", "up"),
    _metric("last_active_on", "date", Rows("account_days", "max", "day"), "最近使用日", "Last used on",
            "最近一次使用的日期。", "The newest day with any use.", "up"),
    _metric("days_since_active", "days", Formula("days_since(last_active_on)"), "未使用天数", "Days since last use",
            "距最近一次使用的自然日天数。", "Calendar days since the last use.", "down"),
    _metric("working_days_inactive", "days", Formula("working_days_since(last_active_on)"),
            "未使用工作日", "Working days without use", "距最近一次使用的工作日天数（按厂商日历）。",
            "Working days of the vendor's calendar since the last use.", "down"),
]  # fmt: skip

_ADOPTION = [
    _metric("features_used_28d", "count", Usage("features", 28), "使用功能数", "Features used",
            "近 28 天使用过的功能数。", "Features used in 28 days.", "up"),
    _metric("core_features_used_28d", "count", Usage("features", 28, only="core"), "使用核心功能数",
            "Core features used", "近 28 天使用过的核心功能数。", "Core features used in 28 days.", "up"),
    _metric("advanced_features_used_28d", "count", Usage("features", 28, only="advanced"), "使用高级功能数",
            "Advanced features used", "近 28 天使用过的高级功能数。", "Advanced features used in 28 days.", "up"),
    _metric("features_in_edition", "count", Rows("entitlement", "max", "features"), "版本内功能数",
            "Features in the edition", "客户所购版本包含的功能数。", "Features that the account's editions hold."),
    _metric("feature_adoption", "share", Formula("features_used_28d / features_in_edition"), "功能采用率",
            "Feature adoption", "近 28 天使用的功能 ÷ 版本内功能。", "Features used in 28 days ÷ features of the edition.", "up"),
    _metric("core_events_28d", "count", Usage("events", 28, only="core"), "核心功能使用次数", "Core feature uses",
            "近 28 天核心功能的使用次数。", "Uses of core features in 28 days.", "up"),
    _metric("core_depth", "number", Formula("core_events_28d / active_users_28d / working_days_28d * 5"),
            "核心功能深度", "Depth of core use", "每位活跃用户每周（5 个工作日）使用核心功能的次数。",
            "Core feature uses per active user and week of five working days.", "up"),
    _metric("data_events_28d", "count", Usage("events", 28, only="data"), "数据新增量", "Data events",
            "近 28 天新增数据（上传、新建）的次数。", "Uploads and records created in 28 days.", "up"),
    _metric("data_events_prev_28d", "count", Usage("events", 28, lag=28, only="data"), "上期数据新增量",
            "Data events, 28 days before", "再往前 28 天新增数据的次数。",
            "Uploads and records created in the 28 days before.", "up"),
    _metric("data_growth", "share",
            Formula("(data_events_28d / working_days_28d) / (data_events_prev_28d / working_days_prev_28d) - 1"),
            "数据增长", "Data growth", "按工作日平均的数据新增量，与再往前 28 天相比。",
            "Data events per working day against the 28 days before.", "up"),
]  # fmt: skip

_SERVICE = [
    _metric("tickets_opened_28d", "count", Rows("tickets", "count", on="opened_on", days=28), "28 天新增工单",
            "Tickets opened in 28 days", "近 28 天提交的工单数。", "Tickets opened in 28 days.", "down"),
    _metric("tickets_open", "count", Rows("tickets", "count", where=("is_open",)), "未关闭工单", "Tickets open now",
            "当天结束时未关闭的工单数。", "Tickets not closed at the end of the day.", "down"),
    _metric("ticket_weight_28d", "number", Rows("tickets", "sum", "weight", on="opened_on", days=28),
            "工单加权数", "Severity-weighted tickets", "近 28 天工单按严重度加权：紧急 8、高 4、中 2、低 1。",
            "Tickets of 28 days weighted urgent 8, high 4, medium 2, low 1.", "down"),
    _metric("ticket_load", "number",
            Formula("missing_if(tickets_opened_28d == 0 and active_users_28d < active_users_prev_28d,"
                    " ticket_weight_28d / active_users_28d * 100)"),
            "工单负荷", "Ticket load", "每 100 位活跃用户的加权工单数；用得越来越少又没有工单时视为缺失，不算好事。",
            "Weighted tickets per 100 active users; missing when there are none while use falls: silence is no praise.", "down"),
    _metric("first_response_minutes_28d", "number",
            Rows("tickets", "mean", "response_minutes", on="opened_on", days=28), "首次响应时间",
            "First response time", "近 28 天工单的平均首次响应时间（分钟）。",
            "Mean minutes to the first answer, tickets of 28 days.", "down"),
    _metric("tickets_closed_28d", "count", Rows("tickets", "count", on="opened_on", days=28, where=("is_closed",)),
            "28 天已解决工单", "Tickets solved of 28 days", "近 28 天提交且已解决的工单数。",
            "Tickets opened in 28 days and closed by now.", "up"),
    _metric("resolution_rate", "share", Formula("tickets_closed_28d / tickets_opened_28d"), "解决率",
            "Resolution rate", "已解决工单 ÷ 收到工单（近 28 天）。", "Solved ÷ received, tickets of 28 days.", "up"),
    _metric("ticket_satisfaction", "number", Rows("tickets", "mean", "satisfaction", on="opened_on", days=90),
            "工单满意度", "Ticket satisfaction", "近 90 天工单的平均满意度（1–5）。",
            "Mean satisfaction of tickets of 90 days, 1 to 5.", "up"),
]  # fmt: skip

_MONEY = [
    _metric("mrr_cents", "money", Rows("lines", "sum", "mrr_cents", where=("is_paying",)), "月经常性收入", "MRR",
            "当天有效的付费订阅行的月费之和（试用除外，净折扣）。",
            "Monthly fee of subscription lines in force on the day, trials excluded, net of discount.", "up"),
    _metric("arr_cents", "money", Formula("mrr_cents * 12"), "年经常性收入", "ARR", "月经常性收入 × 12。", "MRR × 12.", "up"),
    _metric("seats_bought", "count", Rows("lines", "sum", "seats", where=("is_paying",)), "购买席位", "Seats bought",
            "当天有效的付费订阅行的席位之和。", "Seats of subscription lines in force on the day.", "up"),
    _metric("activation_rate", "share", Formula("least(activated_users / seats_bought, 1)"), "账号激活率",
            "Activation rate", "已激活用户 ÷ 购买席位（最高 100%）。", "Activated users ÷ seats bought, at most 100%.", "up"),
    _metric("seat_utilisation", "share", Formula("active_users_28d / seats_bought"), "席位使用率", "Seat utilisation",
            "近 28 天活跃用户 ÷ 购买席位。", "Active users of 28 days ÷ seats bought.", "up"),
    _metric("renewal_on", "date", Rows("lines", "min", "end_on", where=("is_paying",)), "到期日", "Renewal date",
            "当天有效的付费订阅行中最早的到期日。", "The earliest end among paying subscription lines in force."),
    _metric("days_to_renewal", "days", Formula("days_until(renewal_on)"), "距到期天数", "Days to renewal",
            "距最早到期日的天数。", "Days until the earliest end."),
    _metric("first_start_on", "date", Rows("lines", "min", "start_on", where=("is_subscription",)), "首份合同开始",
            "First contract start", "第一份订阅合同的开始日。", "Start of the first subscription."),
    _metric("contract_age_days", "days", Formula("days_since(first_start_on)"), "合作天数", "Contract age",
            "距第一份订阅合同开始的天数。", "Days since the first subscription began."),
    _metric("invoices_overdue", "count", Rows("receivables", "count", where=("is_overdue",)), "逾期账单数",
            "Invoices overdue", "当天已逾期未付清的应收笔数。", "Receivables past due and not fully paid.", "down"),
    _metric("overdue_cents", "money", Rows("receivables", "sum", "open_cents", where=("is_overdue",)), "逾期金额",
            "Amount overdue", "当天已逾期未付的金额。", "Unpaid amount past its due date.", "down"),
    _metric("overdue_days", "days", Rows("receivables", "max", "days_late", where=("is_overdue",), empty=0), "最长逾期天数",
            "Days overdue", "最久一笔逾期的天数；无逾期为 0。", "Days the oldest overdue receivable is late; 0 when none is.", "down"),
]  # fmt: skip

_PEOPLE = [
    _metric("nps_weight", "number", Rows("nps", "sum", "weight"), "NPS 权重", "NPS weight",
            "近 180 天每位联系人最近一次作答的权重之和（决策者 × 2）。",
            "Weights of each contact's last answer within 180 days, decision makers × 2."),
    _metric("nps_points", "number", Rows("nps", "sum", "points"), "NPS 得分和", "NPS points",
            "推荐者 +1、贬损者 −1，乘以权重之和。", "Promoters +1, detractors −1, times their weights."),
    _metric("nps", "number", Formula("nps_points / nps_weight * 100"), "NPS", "NPS",
            "（推荐者 9–10 − 贬损者 0–6）÷ 作答，按权重；每人取 180 天内最近一次。",
            "Promoters (9-10) less detractors (0-6), weighted, each contact's last answer within 180 days.", "up"),
    _metric("last_answer_on", "date", Rows("nps", "max", "day"), "最近作答日", "Last answer on",
            "最近一次 NPS 作答的日期（180 天内）。", "Newest NPS answer within 180 days.", "up"),
    _metric("csat", "number", Rows("csat", "mean", "score"), "CSAT", "CSAT", "近 180 天满意度调查的平均分。",
            "Mean of satisfaction answers within 180 days.", "up"),
    _metric("last_conversation_on", "date", Rows("conversations", "max", "on_day"), "最近沟通日", "Last conversation",
            "最近一次双向沟通的日期（群发不算）。", "Newest two-way exchange; mass sends do not count.", "up"),
    _metric("days_since_conversation", "days", Formula("days_since(last_conversation_on)"), "未沟通天数",
            "Days since conversation", "距最近一次沟通的天数。", "Days since the last conversation.", "down"),
    _metric("last_decision_conversation_on", "date",
            Rows("conversations", "max", "on_day", where=("with_decision_maker",)), "与决策者最近沟通",
            "Last conversation with the decision maker", "最近一次有决策者参加的沟通日期。",
            "Newest conversation that a decision maker took part in.", "up"),
    _metric("days_since_decision_conversation", "days", Formula("days_since(last_decision_conversation_on)"),
            "未与决策者沟通天数", "Days since the decision maker", "距最近一次与决策者沟通的天数。",
            "Days since the last conversation with a decision maker.", "down"),
    _metric("conversations_90d", "count", Rows("conversations", "count", on="on_day", days=90), "90 天沟通次数",
            "Conversations in 90 days", "近 90 天的双向沟通次数。", "Two-way exchanges in 90 days.", "up"),
    _metric("contacts_live", "count", Rows("contacts", "count", where=("is_here",)), "在职联系人", "Contacts",
            "未离职的联系人数。", "Contacts who have not left.", "up"),
    _metric("decision_makers", "count", Rows("contacts", "count", where=("is_here", "is_decision_maker")),
            "决策者人数", "Decision makers", "未离职的决策者人数。", "Decision makers who have not left.", "up"),
]  # fmt: skip

GROUPS: dict[str, dict[str, str]] = {
    "activity": {"zh": "活跃度", "en": "Activity"},
    "adoption": {"zh": "采用", "en": "Adoption"},
    "service": {"zh": "服务", "en": "Service"},
    "money": {"zh": "合同与收款", "en": "Money"},
    "people": {"zh": "声音与关系", "en": "Voice and relation"},
}

_BY_GROUP = zip(GROUPS, (_ACTIVITY, _ADOPTION, _SERVICE, _MONEY, _PEOPLE), strict=True)

METRICS: dict[str, Metric] = {
    metric.key: Metric(
        metric.key, metric.kind, metric.of, metric.name, metric.explanation, group, metric.better, metric.version
    )
    for group, metrics in _BY_GROUP
    for metric in metrics
}
