# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two forms of a task: one object by the module's own options, or many by a list with the same options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Mapping

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput


@dataclass(frozen=True)
class Form:
    """What both forms follow from: the name of the list, what one of its elements is called, and the specification of
    an element's options (ansible-core, argument_spec).
    """

    plural: str
    noun: str
    element: Mapping[str, Mapping[str, Any]]

    def spec(self) -> Dict[str, Any]:
        """The module's argument specification.

        Of the module's own options none is required, for there may be the list, and none has a default: with one it
        could not be told whether the option was given, and :meth:`elements` could not refuse it beside the list.
        """
        flat = {
            name: {key: value for key, value in option.items() if key not in ("required", "default")}
            for name, option in self.element.items()
        }
        return {**flat, self.plural: {"type": "list", "elements": "dict", "options": dict(self.element)}}

    def elements(self, params: Mapping[str, Any]) -> List[Dict[str, Any]]:
        """The elements of a task, whichever form it has; what is left out is None or missing.

        BadInput, naming them, for options beside the list, and without it for those that are required and missing.
        """
        single = {name: params.get(name) for name in self.element}
        if params.get(self.plural) is None:
            self._check_needed(single)
            return [single]
        mixed = sorted(name for name, value in single.items() if value is not None)
        if mixed:
            raise BadInput(
                f"{self.plural}: {', '.join(mixed)} beside it; with {self.plural} every option of {self._one} stands "
                "in its element"
            )
        return [dict(element) for element in params[self.plural]]

    def elements_if_any(self, params: Mapping[str, Any]) -> List[Dict[str, Any]]:
        """The same for a module that has something to do without an element as well.

        BadInput, naming them, for options of an element that is not named.
        """
        if params.get(self.plural) is not None or any(params.get(name) is not None for name in self._needed):
            return self.elements(params)
        stray = [name for name in self.element if params.get(name) is not None]
        if stray:
            raise BadInput(
                f"{' and '.join(stray)}: of which {self.noun}? name it by {' and '.join(self._needed)}, or several by "
                f"{self.plural}"
            )
        return []

    def _check_needed(self, single: Mapping[str, Any]) -> None:
        missing = [name for name in self._needed if not single[name]]
        if missing:
            raise BadInput(
                f"{' and '.join(missing)}: give one {self.noun} by {' and '.join(self._needed)}, or many by "
                f"{self.plural}"
            )

    @property
    def _needed(self) -> List[str]:
        return [name for name, option in self.element.items() if option.get("required")]

    @property
    def _one(self) -> str:
        return f"{'an' if self.noun[0] in 'aeiou' else 'a'} {self.noun}"


def check_once(names: Iterable[str], what: str) -> None:
    """BadInput when a name is there twice in the list ``what``, with both places. The empty one is no name."""
    seen: Dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if name in seen:
            raise BadInput(f"{what}: {name} is there twice, as element {seen[name]} and as element {number}")
        if name:
            seen[name] = number
