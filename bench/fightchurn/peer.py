"""What fightchurn does, told what by one JSON object. Runs in the peer's own environment, where this project is not.

``{"customers": 10000}`` makes its standard social network; ``{"listings": [[chapter, listing, version, inserts], …]}`` runs
its listings and tells of each the seconds and what it printed.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import sys
import time
from typing import Any

SCHEMA = "socialnet7"


def simulate(customers: int) -> list[Any]:
    """Make the social network from so many first customers."""
    book = importlib.import_module("fightchurn.run_churn_listing")
    book.run_standard_simulation(schema=SCHEMA, init_customers=customers, n_parallel=2, force=True)
    return []


def listings(asked: list[Any]) -> list[Any]:
    """Run listings, each with its version (or null) and whether in the form that inserts."""
    book = importlib.import_module("fightchurn.run_churn_listing")
    found = []
    for chapter, listing, version, inserts in asked:
        said = io.StringIO()
        began = time.perf_counter()
        with contextlib.redirect_stdout(said):
            book.run_listing(chapter, listing, version=version or [], schema=SCHEMA, insert=inserts)
        found.append({"seconds": time.perf_counter() - began, "said": said.getvalue()})
    return found


def main() -> None:
    told = json.loads(sys.argv[1])
    with contextlib.redirect_stdout(sys.stderr):
        said = simulate(told["customers"]) if "customers" in told else listings(told["listings"])
    # Its workers tell of their customers on the same output, so this stands on a line of its own.
    print("\n" + json.dumps(said))


if __name__ == "__main__":
    main()
