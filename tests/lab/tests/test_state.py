# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in host's state: whole documents, changed under one lock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Dict

import pytest
from standin.base import LIBRARY

ADD = """
from standin import state
for _ in range(50):
    with state.kernel("count") as doc:
        doc["n"] = doc.get("n", 0) + 1
"""


def environment(directory: Path) -> Dict[str, str]:
    return {**os.environ, "PYTHONPATH": LIBRARY, "STANDIN_STATE": str(directory)}


def python(directory: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env=environment(directory), capture_output=True, text=True, check=False
    )


def document(directory: Path, name: str) -> Dict[str, object]:
    content: Dict[str, object] = json.loads((directory / name).read_text())
    return content


def test_processes_do_not_lose_each_others_changes(tmp_path: Path) -> None:
    running = [subprocess.Popen([sys.executable, "-c", ADD], env=environment(tmp_path)) for _unused in range(4)]
    assert [process.wait() for process in running] == [0, 0, 0, 0]
    assert document(tmp_path, "kernel/count.json") == {"n": 200}


def test_nothing_is_written_after_an_exception(tmp_path: Path) -> None:
    python(tmp_path, "from standin import state\nwith state.disk('a') as doc: doc['x'] = 1")
    done = python(tmp_path, "from standin import state\nwith state.disk('a') as doc:\n doc['x'] = 2\n raise ValueError")
    assert done.returncode == 1
    assert document(tmp_path, "disk/a.json") == {"x": 1}


def test_a_document_may_be_opened_again_inside(tmp_path: Path) -> None:
    code = """
from standin import state
with state.kernel("a") as outer, state.disk("b") as other:
    outer["x"] = 1
    with state.kernel("a") as inner:
        assert inner is outer
        inner["y"] = 2
    assert state.peek("kernel", "a") == {"x": 1, "y": 2}
    other["z"] = 3
"""
    done = python(tmp_path, code)
    assert done.stderr == ""
    assert document(tmp_path, "kernel/a.json") == {"x": 1, "y": 2}
    assert document(tmp_path, "disk/b.json") == {"z": 3}


def test_the_lock_is_free_when_its_holder_is_killed(tmp_path: Path) -> None:
    code = "import os\nfrom standin import state\nwith state.lock(): os.kill(os.getpid(), 9)"
    assert python(tmp_path, code).returncode == -9
    assert python(tmp_path, "from standin import state\nwith state.lock(): print('had')").stdout == "had\n"


def test_a_child_does_not_think_that_it_holds_its_parents_lock(tmp_path: Path) -> None:
    code = """
import os
from standin import state
with state.kernel("a") as doc:
    doc["parent"] = True
    child = os.fork()
    if child == 0:
        with state.kernel("a") as own:
            own["child"] = own.get("parent")
        os._exit(0)
os.waitpid(child, 0)
"""
    assert python(tmp_path, code).stderr == ""
    assert document(tmp_path, "kernel/a.json") == {"parent": True, "child": True}


@pytest.mark.parametrize("kind", ["kernel", "disk"])
def test_what_was_never_written_is_empty(tmp_path: Path, kind: str) -> None:
    assert python(tmp_path, f"from standin import state\nprint(state.peek({kind!r}, 'none'))").stdout == "{}\n"
