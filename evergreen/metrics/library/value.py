"""The customer's own figures, milestones, training and needs."""

from evergreen.metrics.library.metric import metric
from evergreen.metrics.rules import Formula, Rows

VALUE = [
    metric("kpis_current", "count", Rows("kpis", "count"), "有近期数值的业务指标", "KPIs with a current value",
           "近期有数值的客户业务指标个数（月度指标为近 100 天）。",
           "KPIs of the customer's own business that have a current value (of a month: within 100 days).", "up"),
    metric("kpis_with_target", "count", Rows("kpis", "count", where=("has_target",)), "有目标的业务指标",
           "KPIs with a target", "有近期数值且有目标的业务指标个数。", "KPIs with a current value and a target in force.", "up"),
    metric("kpis_on_target", "count", Rows("kpis", "count", where=("is_on_target",)), "达标的业务指标",
           "KPIs on target", "最近一期数值达到目标的业务指标个数。", "KPIs whose newest value reaches its target.", "up"),
    metric("kpi_attainment", "share", Formula("kpis_on_target / kpis_with_target"), "业务指标达成率", "KPI attainment",
           "达标的业务指标 ÷ 有目标的业务指标。", "KPIs on target ÷ KPIs with a target.", "up"),
    metric("kpi_deviation", "number", Rows("kpis", "mean", "deviation"), "业务指标偏离", "KPI deviation from baseline",
           "各业务指标最近一期数值偏离自身基线的程度（以基线波动为单位，好的方向为正）的平均值。",
           "Mean over the KPIs of how far the newest value lies from its own baseline, in spreads of that baseline; better is positive.", "up"),
    metric("milestones_due", "count", Rows("milestones", "count", where=("is_due",)), "到期里程碑", "Milestones due",
           "到期日已到的里程碑数（事件 milestone.planned）。", "Milestones whose due day has come (events milestone.planned)."),
    metric("milestones_met", "count", Rows("milestones", "count", where=("is_due", "is_met")), "已达成里程碑",
           "Milestones met", "到期里程碑中已达成的个数（事件 milestone.met）。", "Of the milestones due, those met by now (events milestone.met).", "up"),
    metric("milestones_kept", "share", Formula("milestones_met / milestones_due"), "里程碑达成率", "Milestones met of those due",
           "已达成 ÷ 到期里程碑。", "Milestones met ÷ milestones due.", "up"),
    metric("trainings_90d", "count", Rows("trainings", "count", on="day", days=90), "90 天完成培训", "Training completed in 90 days",
           "近 90 天完成培训的人次，同一人同一课程只计一次（事件 training.completed）。",
           "Trainings completed in 90 days, a person and course once (events training.completed).", "up"),
    metric("need_weight", "number", Rows("needs", "sum", "weight"), "需求权重", "Weight of needs",
           "销售时记录的客户需求的权重之和（事件 need.stated）。", "Weights of the customer's needs captured at sale (events need.stated)."),
    metric("need_weight_met", "number", Rows("needs", "sum", "weight", where=("is_met",)), "已满足需求权重", "Weight of needs met",
           "其中产品已满足的权重之和。", "Of these, the weight of needs that the product meets.", "up"),
    metric("need_weight_planned", "number", Rows("needs", "sum", "weight", where=("is_planned",)), "路线图需求权重",
           "Weight of needs on the road map", "其中已列入路线图的权重之和。", "Of these, the weight of needs on the road map."),
    metric("fit", "share", Formula("need_weight_met / need_weight"), "匹配度", "Fit", "产品已满足的需求权重 ÷ 全部需求权重。",
           "Weight of needs met ÷ weight of all needs.", "up"),
    metric("fit_planned", "share", Formula("need_weight_planned / need_weight"), "路线图匹配度", "Fit on the road map",
           "已列入路线图的需求权重 ÷ 全部需求权重。", "Weight of needs on the road map ÷ weight of all needs."),
]  # fmt: skip
