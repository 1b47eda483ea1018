"""A forecast of purchases, held against a later time than it was learned from. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from evergreen.base.measures import Reals
from evergreen.foresight.purchases.fitting import NotFoundError
from evergreen.foresight.purchases.histories import Histories, Purchases
from evergreen.foresight.purchases.models import MODELS, Kind, Model, fit
from evergreen.foresight.purchases.spend import GammaGamma

# With fewer customers who came back than this, four parameters say more of chance than of customers.
FEWEST = 30
NAIVE = "rate carried on"


@dataclass(frozen=True, slots=True)
class Judged:
    """How a forecast did over the time held out: ``bias`` is what it said in all against what happened, less 1; ``mae`` and
    ``rmse`` are purchases a customer; ``rank`` is Spearman's correlation (None where all are alike).
    """

    name: str
    bias: float | None
    mae: float
    rmse: float
    rank: float | None


def judged(name: str, said: Reals, happened: Reals) -> Judged:
    """Hold what was said of each customer against what happened."""
    is_told = np.ptp(said) > 0 and np.ptp(happened) > 0
    return Judged(
        name=name,
        bias=float(said.sum() / happened.sum() - 1) if happened.sum() else None,
        mae=float(np.abs(said - happened).mean()),
        rmse=float(np.sqrt(((said - happened) ** 2).mean())),
        rank=float(spearmanr(said, happened).statistic) if is_told else None,
    )


@dataclass(frozen=True, slots=True)
class Trial:
    """The models learned up to ``split`` and held against what was bought from then to ``until``."""

    split: dt.date
    until: dt.date
    customers: int
    bought: int
    models: tuple[Model, ...]
    found: tuple[Judged, ...]
    naive: Judged

    @property
    def best(self) -> Kind:
        """The model with the smallest mean error on the time held out; the first of equal ones."""
        places = range(len(self.models))
        return type(self.models[min(places, key=lambda place: self.found[place].mae)])


def tried(purchases: Purchases, split: dt.date, until: dt.date) -> Trial:
    """Learn up to ``split`` and judge on the days after it up to ``until``.

    Beside the models stands what needs none: every customer goes on buying at the rate they had. Raises ValueError where there
    is no time to judge on, and NotFoundError where too few came back.
    """
    if split >= until:
        raise ValueError(
            f"The split {split} leaves no day before {until} to judge on; choose an earlier one."
        )
    known = _enough(purchases.known(split))
    happened = purchases.bought(known, split, until)
    weeks = (until - split).days / 7
    models = tuple(fit(kind, known) for kind in MODELS)
    carried = np.divide(known.again, known.age, out=np.zeros(len(known)), where=known.age > 0) * weeks
    return Trial(
        split=split,
        until=until,
        customers=len(known),
        bought=int(happened.sum()),
        models=models,
        found=tuple(judged(one.NAME, one.expected(known, weeks), happened) for one in models),
        naive=judged(NAIVE, carried, happened),
    )


@dataclass(frozen=True, slots=True)
class Forecast:
    """What to expect of each customer within the next ``weeks``: chance that they still buy, purchases, and their worth in the
    table's own unit of money (None where no amounts are known).
    """

    known: Histories
    model: Model
    spend: GammaGamma | None
    weeks: float
    alive: Reals
    purchases: Reals
    worth: Reals | None


def forecast(purchases: Purchases, model: Kind, until: dt.date, weeks: float) -> Forecast:
    """Learn from everything up to ``until`` and look ahead. Raises NotFoundError and ValueError."""
    if not weeks > 0:
        raise ValueError(f"The weeks to look ahead are a number above 0, {weeks:g} given.")
    known = _enough(purchases.known(until))
    fitted = fit(model, known)
    bought = fitted.expected(known, weeks)
    spend = GammaGamma.fit(known) if purchases.has_amounts else None
    return Forecast(
        known=known,
        model=fitted,
        spend=spend,
        weeks=weeks,
        alive=fitted.alive(known),
        purchases=bought,
        worth=None if spend is None else bought * spend.expected(known),
    )


def _enough(known: Histories) -> Histories:
    came_back = int((known.again > 0).sum())
    if came_back < FEWEST:
        raise NotFoundError(
            f"{came_back} of {len(known)} customers came back; at least {FEWEST} are needed to learn from."
        )
    return known
