"""Makes sure that there is a Chromium for the browser test; run by `make test`.

It takes the one that is there; without one, and as root of a Debian or Ubuntu, it installs the
distribution's package. Otherwise it says what to do.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.helpers.chromium import find_chromium


def install() -> None:
    """Install the distribution's Chromium."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-qq", "-y", "--no-install-recommends", "chromium"],
    ):
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def main() -> int:
    """Return 0 when there is a Chromium."""
    if find_chromium() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        print("installing Chromium for the browser test …", file=sys.stderr)
        install()
    if found := find_chromium():
        print(f"browser: {found}")
        return 0
    print(
        "no Chromium for the browser test: install one (Debian, Ubuntu: apt-get install chromium) "
        "or set CHROMIUM to its path",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
