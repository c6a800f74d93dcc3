# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The three forms in which rc_conf takes variables."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.rc import Wanted
from ansible_collections.apiary.bhyve.plugins.modules.rc_conf import ARGUMENTS, wanted_of


def params(**given: Any) -> Dict[str, Any]:
    return {"name": None, "value": None, "state": None, "vars": None, "values": None, **given}


def test_all_forms_come_together() -> None:
    given = params(
        name="a",
        value="1",
        values={"b": True, "c": 2},
        vars=[{"name": "d", "value": ["x", "y"], "state": "append"}, {"name": "e", "value": None, "state": "absent"}],
    )
    assert wanted_of(given) == [
        Wanted("a", "1"),
        Wanted("b", "YES"),
        Wanted("c", "2"),
        Wanted("d", "x y", "append"),
        Wanted("e", "", "absent"),
    ]


def test_a_forgotten_value_is_not_the_empty_one() -> None:
    assert wanted_of(params(name="a", value="")) == [Wanted("a", "")]
    with pytest.raises(BadInput, match="a: state present needs a value"):
        wanted_of(params(name="a"))


def test_a_value_that_is_no_text_is_refused() -> None:
    with pytest.raises(BadInput, match="a: a value is a text"):
        wanted_of(params(values={"a": {"b": 1}}))


@pytest.mark.parametrize("stray", [{"state": "absent"}, {"state": "present"}, {"value": ""}])
def test_an_option_of_one_variable_beside_many_is_refused(stray: Dict[str, Any]) -> None:
    given = {"vars": [{"name": "a", "value": "1"}], **stray}
    validated = ArgumentSpecValidator(ARGUMENTS).validate(given)
    assert not validated.error_messages
    with pytest.raises(BadInput, match=f"^{next(iter(stray))}: of which variable"):
        wanted_of(validated.validated_parameters)
