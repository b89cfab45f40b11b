"""Who is on the staff, what each may do, and what is kept of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import psycopg
import pytest

from coinpurse.back_office import LEAST_ROLE, ROLES, BackOffice, may
from coinpurse.db import Database
from coinpurse.errors import InvalidRequest, LastOwner, NotFound


def test_each_role_may_what_the_ones_below_it_may() -> None:
    allowed = [{action for action in LEAST_ROLE if may(role, action)} for role in ROLES]

    assert allowed == sorted(allowed, key=len)
    assert all(lower < higher for lower, higher in pairwise(allowed))
    assert allowed[0] == {"see", "export"}
    assert allowed[-1] == set(LEAST_ROLE)


@pytest.mark.parametrize("role", [None, "", "OWNER", "root"])
def test_an_unknown_role_may_nothing(role: str | None) -> None:
    assert not any(may(role, action) for action in LEAST_ROLE)


def test_a_role_is_given_changed_and_taken(office: BackOffice) -> None:
    assert office.role_of("vic") is None

    office.grant_role("vic", "viewer", actor="olga")
    office.grant_role("vic", "support", actor="olga")
    assert office.role_of("vic") == "support"

    office.revoke_role("vic", actor="olga")
    assert office.role_of("vic") is None
    assert [(entry.actor, entry.action, entry.facts) for entry in office.audit_about("staff", "vic")] == [
        ("olga", "staff.granted", {"role": "viewer"}),
        ("olga", "staff.granted", {"role": "support", "before": "viewer"}),
        ("olga", "staff.revoked", {"before": "support"}),
    ]  # fmt: skip


def test_a_role_given_again_is_not_recorded_again(office: BackOffice) -> None:
    office.grant_role("finn", "finance", actor="olga")

    assert len(office.audit_about("staff", "finn")) == 1


def test_unknown_roles_and_strangers_are_refused(office: BackOffice) -> None:
    with pytest.raises(InvalidRequest):
        office.grant_role("vic", "admin", actor="olga")
    with pytest.raises(NotFound):
        office.revoke_role("nobody", actor="olga")


def test_the_last_owner_stays(office: BackOffice) -> None:
    with pytest.raises(LastOwner):
        office.revoke_role("olga", actor="olga")
    with pytest.raises(LastOwner):
        office.grant_role("olga", "viewer", actor="olga")

    office.grant_role("otto", "owner", actor="olga")
    office.revoke_role("olga", actor="otto")
    assert office.role_of("otto") == "owner"


def test_of_two_owners_who_remove_each_other_one_stays(office: BackOffice) -> None:
    office.grant_role("otto", "owner", actor="olga")

    def remove(pair: tuple[str, str]) -> bool:
        try:
            office.revoke_role(pair[0], actor=pair[1])
        except LastOwner:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        removed = list(pool.map(remove, [("olga", "otto"), ("otto", "olga")]))

    assert sorted(removed) == [False, True]
    assert [member.role for member in office.staff()].count("owner") == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE coinpurse.audit_log SET actor = 'mallory'",
        "DELETE FROM coinpurse.audit_log",
        "TRUNCATE coinpurse.audit_log",
    ],
)
def test_the_audit_log_only_grows(office: BackOffice, database: Database, statement: str) -> None:
    with (
        pytest.raises(psycopg.errors.RestrictViolation),
        database.connection() as connection,
    ):
        connection.execute(statement)
