"""Every metric computed the slow and obvious way, from docs/metrics.md and not from the SQL.

``world`` is what a vendor's accounts did, ``making`` draws such worlds, ``loading`` tells the product of one, ``figures``
is the calculation. A window of n days ends with the day itself.
"""

from tests.metrics.oracle.figures import figures
from tests.metrics.oracle.loading import loaded, settled
from tests.metrics.oracle.making import drawn
from tests.metrics.oracle.world import World

__all__ = ["World", "drawn", "figures", "loaded", "settled"]
