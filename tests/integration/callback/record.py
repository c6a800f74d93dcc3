# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A callback that appends every result to a file, for tests that look at results and not at the screen."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: record
type: notification
short_description: Write each task result to a file, one JSON document a line
description: The file is named by the environment variable APIARY_RECORD.
author: Apiary contributors
"""


class CallbackModule(CallbackBase):
    """Records results and the final counts."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "record"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, entry: Any) -> None:
        with open(os.environ["APIARY_RECORD"], "a", encoding="utf-8") as out:
            out.write(json.dumps(entry, default=str) + "\n")

    def _record(self, result: Any, **extra: bool) -> None:
        values = json.loads(self._dump_results(result.result))
        self._write({"task": result.task.get_name(), "host": result.host.get_name(), "result": dict(values, **extra)})

    def v2_runner_on_ok(self, result: Any) -> None:
        self._record(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._record(result, failed=True)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._record(result, skipped=True)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._record(result, unreachable=True)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._write({"stats": {host: stats.summarize(host) for host in stats.processed}})
