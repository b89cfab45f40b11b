"""What Stripe answered in test mode, request by request."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox_process import Sandbox

VERSION = {"Stripe-Version": "2026-08-26.dahlia"}


def post(sandbox: Sandbox, path: str, **form: Any) -> Any:
    return sandbox.request("POST", f"/v1/{path}", data=form, headers=VERSION)


def intent(sandbox: Sandbox, **form: Any) -> Any:
    return post(sandbox, "payment_intents", **{"amount": 6500, "currency": "usd"} | form).json()


def paid(sandbox: Sandbox, method: str = "pm_card_visa", **form: Any) -> Any:
    return intent(sandbox, confirm="true", payment_method=method, **form)


def test_a_new_intent(sandbox: Sandbox) -> None:
    made = intent(sandbox)
    narrow = intent(sandbox, **{"payment_method_types[]": "card"})

    assert made["status"] == "requires_payment_method"
    assert made["automatic_payment_methods"] == {"allow_redirects": "always", "enabled": True}
    assert made["payment_method_types"] == ["card", "link"]
    assert made["payment_method_options"]["link"] == {"persistent_token": None}
    assert made["client_secret"].startswith(made["id"] + "_secret_")
    assert "charges" not in made
    assert "invoice" not in made
    assert narrow["automatic_payment_methods"] is None
    assert narrow["payment_method_configuration_details"] is None
    assert set(narrow["payment_method_options"]) == {"card"}


def test_partial_capture(sandbox: Sandbox) -> None:
    held = paid(sandbox, capture_method="manual")
    assert (held["status"], held["amount_capturable"], held["amount_received"]) == (
        "requires_capture", 6500, 0)  # fmt: skip
    charge = sandbox.request("GET", f"/v1/charges/{held['latest_charge']}").json()
    assert (charge["paid"], charge["captured"], charge["amount_captured"]) == (True, False, 0)
    assert "capture_before" in charge["payment_method_details"]["card"]

    taken = post(sandbox, f"payment_intents/{held['id']}/capture", amount_to_capture=5000).json()
    after = sandbox.request("GET", f"/v1/charges/{held['latest_charge']}").json()
    again = post(sandbox, f"payment_intents/{held['id']}/capture")

    assert (taken["status"], taken["amount"], taken["amount_received"]) == (
        "succeeded", 6500, 5000)  # fmt: skip
    assert (after["amount_captured"], after["amount_refunded"]) == (5000, 0)
    assert after["balance_transaction"].startswith("txn_")
    assert again.status_code == 400
    assert "remainder of the authorized amount has been released" in again.text


@pytest.mark.parametrize(
    ("amount", "code", "param"),
    [(9999, "amount_too_large", None), (-100, None, "amount_to_capture"),
     (0, "parameter_invalid_integer", "amount")],
)  # fmt: skip
def test_captures_that_are_refused(
    sandbox: Sandbox, amount: int, code: str | None, param: str | None
) -> None:
    held = paid(sandbox, capture_method="manual")
    error = post(sandbox, f"payment_intents/{held['id']}/capture", amount_to_capture=amount).json()[
        "error"
    ]

    assert (error.get("code"), error.get("param")) == (code, param)
    assert error["payment_intent"]["status"] == "requires_capture"


def test_a_decline_on_confirm(sandbox: Sandbox) -> None:
    answer = post(sandbox, "payment_intents", amount=2000, currency="usd", confirm="true",
                  payment_method="pm_card_visa_chargeDeclined")  # fmt: skip
    error = answer.json()["error"]
    charge = sandbox.request("GET", f"/v1/charges/{error['charge']}").json()

    assert answer.status_code == 402
    assert error["type"] == "card_error"
    assert (error["code"], error["decline_code"]) == ("card_declined", "generic_decline")
    assert (error["advice_code"], error["network_decline_code"]) == ("try_again_later", "01")
    assert "param" not in error
    assert error["payment_method"]["customer"] is None
    assert error["payment_intent"]["payment_method"] is None
    assert error["payment_intent"]["latest_charge"] == error["charge"]
    remembered = error["payment_intent"]["last_payment_error"]
    assert "request_log_url" not in remembered
    assert remembered["payment_method_type"] == "card"
    assert (charge["status"], charge["failure_code"]) == ("failed", "card_declined")
    assert charge["outcome"]["reason"] == "generic_decline"
    assert charge["receipt_url"] is None


def test_authentication_off_session_is_declined_without_a_charge(sandbox: Sandbox) -> None:
    error = post(sandbox, "payment_intents", amount=2000, currency="usd", confirm="true",
                 payment_method="pm_card_threeDSecure2Required", off_session="true",
                 ).json()["error"]  # fmt: skip

    assert (error["code"], error["decline_code"]) == ("authentication_required",) * 2
    assert "charge" not in error
    assert error["payment_intent"]["latest_charge"] is None
    assert error["message"].endswith("This transaction requires authentication.")


def test_a_new_charge_has_no_balance_transaction_yet(fresh: Sandbox) -> None:
    fresh.control("POST", "/clock/freeze")
    made = paid(fresh)
    before = fresh.request("GET", f"/v1/charges/{made['latest_charge']}").json()
    fresh.advance(2)
    after = fresh.request("GET", f"/v1/charges/{made['latest_charge']}").json()

    assert before["balance_transaction"] is None
    assert after["balance_transaction"].startswith("txn_")
    assert "refunds" not in before
    assert before["outcome"]["seller_message"] == "Payment complete."
    booked = fresh.request("GET", f"/v1/balance_transactions/{after['balance_transaction']}").json()
    assert booked["net"] == booked["amount"] - booked["fee"]


@pytest.mark.parametrize(
    ("path", "noun", "param"),
    [("payment_intents/pi_nope", "payment_intent", "intent"), ("charges/ch_nope", "charge", "id"),
     ("disputes/du_nope", "dispute", "dispute")],
)  # fmt: skip
def test_missing_things(sandbox: Sandbox, path: str, noun: str, param: str) -> None:
    answer = sandbox.request("GET", f"/v1/{path}")
    error = answer.json()["error"]

    assert answer.status_code == 404
    assert (error["code"], error["param"]) == ("resource_missing", param)
    assert error["message"] == f"No such {noun}: '{path.split('/')[1]}'"


def test_cancelling(sandbox: Sandbox) -> None:
    made = intent(sandbox)
    cancelled = post(
        sandbox, f"payment_intents/{made['id']}/cancel", cancellation_reason="abandoned"
    ).json()
    again = post(sandbox, f"payment_intents/{made['id']}/cancel").json()["error"]

    assert (cancelled["status"], cancelled["cancellation_reason"]) == ("canceled", "abandoned")
    assert again["code"] == "payment_intent_unexpected_state"
    assert again["message"].startswith(
        "You cannot cancel this PaymentIntent because it has a status of canceled. Only"
    )


def test_updates_of_a_paid_intent(sandbox: Sandbox) -> None:
    made = paid(sandbox)
    charge_before = sandbox.request("GET", f"/v1/charges/{made['latest_charge']}").json()
    changed = post(sandbox, f"payment_intents/{made['id']}", description="later").json()
    charge_after = sandbox.request("GET", f"/v1/charges/{made['latest_charge']}").json()
    refused = post(sandbox, f"payment_intents/{made['id']}", amount=1).json()["error"]

    assert changed["description"] == "later"
    assert charge_after["description"] == charge_before["description"]
    assert (refused["code"], refused["param"]) == ("payment_intent_unexpected_state", "amount")


def test_zero_amounts(sandbox: Sandbox) -> None:
    error = post(sandbox, "payment_intents", amount=0, currency="usd").json()["error"]

    assert (error["code"], error["param"]) == ("parameter_invalid_integer", "amount")


def test_methods_of_other_customers(sandbox: Sandbox) -> None:
    first, second = (post(sandbox, "customers").json()["id"] for _ in range(2))
    method = post(sandbox, "payment_methods/pm_card_visa/attach", customer=first).json()
    assert method["card"]["checks"]["cvc_check"] == "pass"

    alone = post(sandbox, "payment_intents", amount=500, currency="usd", confirm="true",
                 payment_method=method["id"]).json()["error"]  # fmt: skip
    other = post(sandbox, "payment_intents", amount=500, currency="usd", confirm="true",
                 payment_method=method["id"], customer=second).json()["error"]  # fmt: skip

    assert (alone["code"], alone["param"]) == ("parameter_missing", "source")
    assert (other.get("code"), other["param"]) == (None, "payment_method")


def test_refunds_one_after_the_other(sandbox: Sandbox) -> None:
    charge = paid(sandbox, amount=5000)["latest_charge"]
    first = post(sandbox, "refunds", charge=charge, amount=2500, reason="duplicate").json()
    over = post(sandbox, "refunds", charge=charge, amount=3000).json()["error"]
    rest = post(sandbox, "refunds", charge=charge).json()
    none = post(sandbox, "refunds", charge=charge).json()["error"]
    after = sandbox.request("GET", f"/v1/charges/{charge}?expand[]=refunds").json()

    assert first["status"] == "succeeded"
    assert first["balance_transaction"].startswith("txn_")
    assert "failure_reason" not in first
    assert "livemode" not in first
    assert first["destination_details"]["card"]["reference_status"] == "pending"
    assert over["message"] == (
        "Refund amount ($30.00) is greater than unrefunded amount on charge ($25.00)"
    )
    assert (over.get("code"), over["param"]) == (None, "amount")
    assert (rest["amount"], rest["reason"]) == (2500, None)
    assert (none["code"], none.get("param")) == ("charge_already_refunded", None)
    assert (after["refunded"], after["amount_refunded"]) == (True, 5000)
    assert after["refunds"]["total_count"] == 2


def test_refunds_that_are_refused(sandbox: Sandbox) -> None:
    nothing = post(sandbox, "refunds").json()["error"]
    unknown = post(sandbox, "refunds", charge="ch_nope")
    held = paid(sandbox, capture_method="manual")
    uncaptured = post(sandbox, "refunds", charge=held["latest_charge"]).json()["error"]

    assert nothing["message"].startswith("One of the following params should be provided")
    assert "code" not in nothing
    assert (unknown.status_code, unknown.json()["error"]["param"]) == (404, "id")
    assert uncaptured["message"].startswith("This uncaptured Charge was created by a Payment")


def test_refunds_by_charge_paths(sandbox: Sandbox) -> None:
    charge = paid(sandbox)["latest_charge"]
    answered = post(sandbox, f"charges/{charge}/refund", amount=100).json()
    refund = post(sandbox, f"charges/{charge}/refunds", amount=100).json()
    other = paid(sandbox)["latest_charge"]
    elsewhere = sandbox.request("GET", f"/v1/charges/{other}/refunds/{refund['id']}")

    assert (answered["object"], refund["object"]) == ("charge", "refund")
    assert elsewhere.json()["error"]["param"] == "refund"


def test_a_chargeback_won(fresh: Sandbox) -> None:
    made = paid(fresh, "pm_card_createDispute")
    charge = fresh.request("GET", f"/v1/charges/{made['latest_charge']}").json()
    dispute = fresh.request("GET", f"/v1/charges/{charge['id']}/dispute").json()
    refused = post(fresh, "refunds", charge=charge["id"]).json()["error"]

    assert charge["disputed"] is True
    assert dispute["status"] == "needs_response"
    assert dispute["is_charge_refundable"] is False
    booked = dispute["balance_transactions"][0]
    assert (booked["amount"], booked["fee"], booked["net"]) == (-6500, 1500, -8000)
    assert dispute["payment_method_details"]["card"]["network_reason_code"] == "10.4"
    assert dispute["evidence_details"]["due_by"] % 86_400 == 86_399
    assert len(dispute["evidence"]) == 28
    assert refused["code"] == "charge_disputed"

    reviewed = post(fresh, f"disputes/{dispute['id']}",
                    **{"evidence[uncategorized_text]": "winning_evidence"}).json()  # fmt: skip
    assert (reviewed["status"], reviewed["evidence_details"]["submission_count"]) == (
        "under_review", 1)  # fmt: skip
    fresh.advance(5)
    won = fresh.request("GET", f"/v1/disputes/{dispute['id']}").json()

    assert (won["status"], won["is_charge_refundable"]) == ("won", True)
    assert [entry["net"] for entry in won["balance_transactions"]] == [-8000, 6500]
    assert fresh.event_types(dispute["id"]) == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
    ]
    assert post(fresh, "refunds", charge=charge["id"]).status_code == 200


def test_a_chargeback_given_up(sandbox: Sandbox) -> None:
    made = paid(sandbox, "pm_card_createDispute")
    dispute = sandbox.request("GET", f"/v1/disputes?payment_intent={made['id']}").json()["data"][0]
    closed = post(sandbox, f"disputes/{dispute['id']}/close").json()
    again = post(sandbox, f"disputes/{dispute['id']}/close").json()["error"]

    assert closed["status"] == "lost"
    assert closed["evidence_details"]["has_evidence"] is False
    assert (again["message"], "code" in again) == ("This dispute is already closed", False)


def test_an_inquiry_escalated(fresh: Sandbox) -> None:
    made = paid(fresh, "pm_card_createDisputeInquiry")
    dispute = fresh.request("GET", f"/v1/disputes?charge={made['latest_charge']}").json()["data"][0]
    assert dispute["status"] == "warning_needs_response"
    assert dispute["balance_transactions"] == []
    assert dispute["payment_method_details"]["card"]["case_type"] == "inquiry"

    reviewed = post(fresh, f"disputes/{dispute['id']}",
                    **{"evidence[uncategorized_text]": "escalate_inquiry_evidence"}).json()  # fmt: skip
    fresh.advance(5)
    escalated = fresh.request("GET", f"/v1/disputes/{dispute['id']}").json()

    assert reviewed["status"] == "warning_under_review"
    assert escalated["status"] == "needs_response"
    assert len(escalated["balance_transactions"]) == 1


def test_several_disputes_of_one_charge(sandbox: Sandbox) -> None:
    made = paid(sandbox, "pm_card_createMultipleDisputes")
    found = sandbox.request("GET", f"/v1/disputes?payment_intent={made['id']}").json()["data"]

    assert sum(dispute["amount"] for dispute in found) == 6500
    assert len(found) == 2


def test_early_fraud_warnings(sandbox: Sandbox) -> None:
    made = paid(sandbox, "pm_card_createIssuerFraudRecord")
    url = f"/v1/radar/early_fraud_warnings?charge={made['latest_charge']}"
    before = sandbox.request("GET", url).json()["data"][0]
    post(sandbox, "refunds", payment_intent=made["id"])
    after = sandbox.request("GET", url).json()["data"][0]

    assert (before["actionable"], after["actionable"]) == (True, False)


@pytest.mark.parametrize(
    ("method", "first", "last"),
    [("pm_card_pendingRefund", "pending", "succeeded"), ("pm_card_refundFail", "succeeded",
                                                         "failed")],
)  # fmt: skip
def test_refunds_that_change_their_mind(fresh: Sandbox, method: str, first: str, last: str) -> None:
    made = paid(fresh, method)
    refund = post(fresh, "refunds", payment_intent=made["id"]).json()
    fresh.advance(30)
    after = fresh.request("GET", f"/v1/refunds/{refund['id']}").json()
    charge = fresh.request("GET", f"/v1/charges/{made['latest_charge']}").json()

    assert (refund["status"], after["status"]) == (first, last)
    failed = last == "failed"
    assert charge["amount_refunded"] == (0 if failed else 6500)
    assert ("refund.failed" in fresh.event_types(refund["id"])) is failed
    assert ("failure_reason" in after) is failed


def test_charges_of_intents_are_guarded(sandbox: Sandbox) -> None:
    charge = paid(sandbox)["latest_charge"]
    group = post(sandbox, f"charges/{charge}", transfer_group="x").json()["error"]
    captured = post(sandbox, f"charges/{charge}/capture").json()["error"]

    assert group["message"].startswith("This Charge was created by a PaymentIntent (pi_")
    assert captured["code"] == "charge_already_captured"


def test_attaching_a_declining_card(sandbox: Sandbox) -> None:
    customer = post(sandbox, "customers").json()["id"]
    answer = post(sandbox, "payment_methods/pm_card_visa_chargeDeclined/attach", customer=customer)

    assert answer.status_code == 402
    assert answer.json()["error"]["param"] == ""
