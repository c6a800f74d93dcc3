# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images for the tests: a disk's content in several forms, a mirror to download it from, what can be seen of it."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
from typing import Any, Dict, List

from harness import PYTHON, ROOT, Modules
from standin.host import StandinHost

MIB = 1 << 20
DATA = random.Random(4).randbytes(MIB)
DISK = DATA + bytes(3 * MIB) + DATA[: MIB // 2] + bytes(MIB // 2) + DATA[:512]
STORE = "zroot/apiary/.images"


class Mirror:
    """A web server on the host, with files and faults (mirror.py)."""

    def __init__(self, host: StandinHost) -> None:
        self.host = host
        host.write("/var/tmp/mirror.py", (ROOT / "tests" / "integration" / "mirror.py").read_bytes())
        host.sh("mkdir -p /var/www", check=True)
        argv = [PYTHON, "/var/tmp/mirror.py", "/var/www", "0"]
        self.process = host.spawn(argv, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def put(self, name: str, content: bytes) -> str:
        """A file; its URL."""
        self.host.write(f"/var/www/{name}", content)
        return self.url(name)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def requests(self) -> List[Dict[str, Any]]:
        """What was asked for since the last call."""
        text = self.host.sh("cat /var/www/.log 2> /dev/null; rm -f /var/www/.log").stdout
        return [json.loads(line) for line in text.splitlines()]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def image(**options: Any) -> Dict[str, Any]:
    return {"name": "web", "retries": 1, "timeout": 2, **options}


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


def info(modules: Modules, name: str = "web") -> List[Dict[str, Any]]:
    found: List[Dict[str, Any]] = modules.good("bhyve_image_info", {"names": [name]})["images"]
    return found


def qcow2_of(host: StandinHost, content: bytes, *options: str) -> bytes:
    host.sh("pkg install -y qemu-tools", check=True)
    host.write("/var/tmp/convert.raw", content)
    words = " ".join(options)
    host.sh(f"qemu-img convert -O qcow2 {words} /var/tmp/convert.raw /var/tmp/convert.qcow2", check=True)
    return host.read_bytes("/var/tmp/convert.qcow2")


def zstd_of(host: StandinHost, content: bytes) -> bytes:
    host.write("/var/tmp/x", content)
    host.sh("zstd -q -f /var/tmp/x -o /var/tmp/x.zst", check=True)
    return host.read_bytes("/var/tmp/x.zst")
