"""KPIs: numbers of the customers' own business, declared by the vendor, reported by period, with targets.

``actions`` declare, record and set targets; ``queries`` read them, also as known at an instant; ``periods`` and
``rules`` are pure. Baselines are ``evergreen.metrics.baselines``.
"""
