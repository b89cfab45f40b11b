"""How the store stands: its states as figures, and the conditions that a person should hear of."""

from coinpurse.monitoring.gauges import GAUGES, StateCollector
from coinpurse.monitoring.rules import RULES, Condition, Rule, States
from coinpurse.monitoring.service import Monitoring

__all__ = ["GAUGES", "RULES", "Condition", "Monitoring", "Rule", "StateCollector", "States"]
