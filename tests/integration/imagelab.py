# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of images share: a mirror on the host, and looks at what was made."""

from __future__ import annotations

import hashlib
import json
import subprocess
from typing import Any, Dict, List

from harness import PYTHON, ROOT
from standin.host import StandinHost

STORE = "zroot/apiary/.images"


class Mirror:
    """A web server on the host, with files and faults (mirror.py)."""

    def __init__(self, host: StandinHost, directory: str = "/var/www") -> None:
        self.host = host
        self.directory = directory
        host.write("/var/tmp/mirror.py", (ROOT / "tests" / "integration" / "mirror.py").read_bytes())
        host.sh(f"mkdir -p {directory}", check=True)
        argv = [PYTHON, "/var/tmp/mirror.py", directory, "0"]
        self.process = host.spawn(argv, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def put(self, name: str, content: bytes) -> str:
        """A file; its URL."""
        self.host.write(f"{self.directory}/{name}", content)
        return self.url(name)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def requests(self) -> List[Dict[str, Any]]:
        """What was asked for since the last call."""
        text = self.host.sh(f"cd {self.directory} && cat .log 2> /dev/null; rm -f .log").stdout
        return [json.loads(line) for line in text.splitlines()]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def the(result: Dict[str, Any], name: str = "web") -> Dict[str, Any]:
    found: Dict[str, Any] = next(one for one in result["images"] if one["name"] == name)
    return found


def content_of(host: StandinHost, path: str, size: int) -> str:
    """The digest of the first bytes of a device or file."""
    return "sha256:" + host.sh(f"head -c {size} {path} | sha256 -q", check=True).stdout.strip()


def leftovers(host: StandinHost) -> List[str]:
    """What lies among the images that is no image."""
    script = f"ls -A /apiary/.images 2> /dev/null | grep partial; zfs list -H -o name | grep {STORE}/.partial"
    return host.sh(script).stdout.split()
