"""Whether a store is set up right: checks that each say what they found, and what mends it."""

from coinpurse.doctor.patient import Patient
from coinpurse.doctor.rules import Result, exit_code, said_of_settings
from coinpurse.doctor.service import examine, examine_alerts, send_test_mail

__all__ = [
    "Patient",
    "Result",
    "examine",
    "examine_alerts",
    "exit_code",
    "said_of_settings",
    "send_test_mail",
]
