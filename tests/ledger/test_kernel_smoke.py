from coinpurse import Coinpurse
from coinpurse.ledger import Spend
import pytest
from coinpurse.errors import *

def test_smoke(purse: Coinpurse) -> None:
    p = purse
    p.credit("u", 100, key="a")
    t = p.spend("u", 30, key="s1", metadata={"x": 1})
    assert t.coins == -30 and t.balance_after == 70
    assert p.spend("u", 30, key="s1", metadata={"x": 1}).id == t.id
    with pytest.raises(IdempotencyConflict):
        p.spend("u", 31, key="s1")
    with pytest.raises(InsufficientCoins):
        p.spend("u", 71, key="s2")
    r = p.reverse(t.id, key="r1", coins=10)
    assert r.balance_after == 80
    h = p.hold("u", 50, key="h1")
    assert p.wallet("u").available == 30
    c = p.capture(h.id, key="c1", coins=20)
    assert c.balance_after == 60 and p.wallet("u").held == 0
    with pytest.raises(HoldAlreadyResolved):
        p.void(h.id, key="v1")
    res = p.spend_many([Spend("u", 1, "m1"), Spend("u", 1000, "m2"), Spend("x", 1, "m3"), Spend("u", 0, "m4")])
    assert [type(x).__name__ for x in res] == ["Transaction", "InsufficientCoins", "NotFound", "InvalidRequest"]
    assert list(p.verify()) == [(1, [])]
    e = p.explain("u")
    assert e.balance == 59, e
    p.adjust("u", -9, key="adj", reason="x", actor="me")
    assert p.wallet("u").balance == 50
