"""``python -m bench [NAME [SIZE …]] …``: run benchmarks, each in a fresh process; without a name all of them.

Numbers after a name are its sizes: ``night 10000000 10000``.
"""

from __future__ import annotations

import subprocess
import sys

NAMES = (
    "start",
    "night",
    "accounts",
    "portfolio",
    "growth",
    "ingest",
    "figures",
    "analytics",
    "history",
    "fightchurn",
    "churn",
    "forecast",
    "demo",
    "purchases",
    "journeys",
    "trying",
    "hearing",
)


def main() -> int:
    wanted: list[list[str]] = []
    for word in sys.argv[1:] or NAMES:
        if word.isdecimal() and wanted:
            wanted[-1].append(word)
        else:
            wanted.append([word])
    if unknown := {name for name, *_ in wanted} - set(NAMES):
        print(
            f"There is no benchmark {', '.join(sorted(unknown))}; allowed are {', '.join(NAMES)}.",
            file=sys.stderr,
        )
        return 2
    failed = 0
    for name, *sizes in wanted:
        print(f"== {name}", flush=True)
        failed |= subprocess.run([sys.executable, "-m", f"bench.{name}", *sizes], check=False).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())
