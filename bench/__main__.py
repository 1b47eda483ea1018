"""``python -m bench [NAME …]``: run benchmarks, each in a fresh process; without a name all of them."""

from __future__ import annotations

import subprocess
import sys

NAMES = ("start", "night", "accounts", "ingest")


def main() -> int:
    wanted = sys.argv[1:] or list(NAMES)
    if unknown := set(wanted) - set(NAMES):
        print(
            f"There is no benchmark {', '.join(sorted(unknown))}; allowed are {', '.join(NAMES)}.",
            file=sys.stderr,
        )
        return 2
    failed = 0
    for name in wanted:
        print(f"== {name}", flush=True)
        failed |= subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())
