"""Groups ``policy`` and ``risk``: the limits of the gate, as YAML must spell them out."""

from __future__ import annotations

from typing import Any

from pydantic import create_model

from conf.schema.group import Group
from tradewright.policy.limits import Limits

RISK_FIELDS = (
    "allow_short",
    "max_size_pct",
    "risk_per_trade",
    "atr_stop_multiple",
    "max_position",
    "max_strategy",
    "max_gross",
    "correlation_cap",
    "max_order_value",
    "max_daily_notional",
    "warn_ratio",
)
"""What may be lost or held: ``conf/risk``."""

DERIVED_FIELDS = ("allowlist", "max_order_money")
"""From the universe (C-49) and from the stage; they stand in no file of their own."""

POLICY_FIELDS = tuple(name for name in Limits.model_fields if name not in (*RISK_FIELDS, *DERIVED_FIELDS))
"""Everything else that the rules look at: ``conf/policy``."""


def _part(name: str, doc: str, fields: tuple[str, ...]) -> type[Group]:
    """The same fields with the same ranges as in ``Limits``, every one of them required."""
    definitions: dict[str, Any] = {}
    for field in fields:
        info = Limits.model_fields[field]
        definitions[field] = (info.rebuild_annotation(), ...)
    return create_model(name, __base__=Group, __doc__=doc, **definitions)


PolicySettings = _part("PolicySettings", "``policy``.", POLICY_FIELDS)
RiskSettings = _part("RiskSettings", "``risk``.", RISK_FIELDS)
