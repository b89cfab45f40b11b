"""The kept inputs, and some mutations of them: nothing but refusals of ours comes out."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coinpurse.inbox.rules import HANDLED_TYPES
from tests.fuzz.mutations import mutate, mutate_event, written
from tests.fuzz.targets import TARGETS, read_event

CORPUS = Path(__file__).parent / "corpus"
KEPT = sorted(path for path in CORPUS.glob("*/*") if path.is_file())
EVENTS = [path.read_bytes() for path in KEPT if path.parent.name == "event"]


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_kept_input_ends_in_a_refusal_or_is_understood(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


def test_the_corpus_has_every_target_and_every_type_of_event() -> None:
    assert {path.parent.name for path in KEPT} == set(TARGETS)
    assert set(HANDLED_TYPES) <= {json.loads(event)["type"] for event in EVENTS}


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**63))
def test_mutations_of_kept_inputs_end_the_same_way(name: str, seed: int) -> None:
    chance = random.Random(seed)
    begun = chance.choice([path for path in KEPT if path.parent.name == name])

    TARGETS[name](mutate(begun.read_bytes(), chance))


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**63))
def test_events_with_odd_parts_are_read_or_refused(seed: int) -> None:
    chance = random.Random(seed)

    read_event(written(mutate_event(json.loads(chance.choice(EVENTS)), chance)))
