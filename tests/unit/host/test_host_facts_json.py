"""Facts as JSON and back."""

from __future__ import annotations

import json
import os
from pathlib import Path

from rootless_build.host.facts import Account, EngineAnswer, Place, Role
from rootless_build.host.facts_json import from_data, report, to_data
from rootless_build.host.gathering import gather
from rootless_build.model.structs import replace
from tests.ordinary_host import ORDINARY


def test_facts_survive() -> None:
    facts = replace(ORDINARY, home=Path("/"), account=Account())
    assert from_data(json.loads(json.dumps(to_data(facts))), "test") == facts


def test_facts_of_this_host_survive() -> None:
    facts = gather(os.environ)
    back = from_data(json.loads(json.dumps(to_data(facts))), "test")
    assert (back.uid, back.kernel, back.cgroups) == (facts.uid, facts.kernel, facts.cgroups)
    assert back.account.subuids == facts.account.subuids


def test_nobody_is_named() -> None:
    facts = replace(
        ORDINARY,
        home=Path("/home/jane"),
        account=Account("jane", overlaps=("john",)),
        places=(Place(Role.PROJECT, Path("/home/jane/secret"), 1),),
    )
    text = json.dumps(to_data(facts))
    assert "jane" not in text
    assert "john" not in text


def test_addresses_and_passwords_are_left_out() -> None:
    engine = EngineAnswer("podman", "", "no answer at ssh://me:pw@box.example/run, tcp://builder:1")
    facts = replace(ORDINARY, engines=(engine,))
    text = json.dumps(report(facts, (), {"CONTAINER_HOST": "tcp://builder:1"}))
    assert "me:pw" not in text
    assert "tcp://builder:1" not in text
    assert "$CONTAINER_HOST" in text
