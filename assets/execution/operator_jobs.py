"""The operator's acts as jobs: cancel, flatten, the ways back from every stop. The run's config holds the reason."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import dagster as dg

from assets.execution.sending import ACTOR
from assets.pinned_config import PinnedConfig
from conf.schema.settings import Settings
from runtime import trading
from runtime.container import Container
from tradewright.model.command import CommandKind

NO_RETRIES = {"dagster/max_retries": "0"}


class Act(NamedTuple):
    """One act that the account's actor carries out.

    Args:
        about: the fields of its config beside the reason.
    """

    name: str
    kind: CommandKind
    text: str
    about: tuple[str, ...] = ()


ACTS = (
    Act("cancel_order", CommandKind.CANCEL, "Cancel one order and wait for the venue's confirmation.", ("ref",)),
    Act("cancel_all_orders", CommandKind.CANCEL_ALL, "Cancel every open order of the account."),
    Act("acknowledge", CommandKind.ACKNOWLEDGE, "Lift the freezes of an instrument.", ("instrument",)),
    Act("adopt_position", CommandKind.ADOPT_POSITION, "Take over the venue's own position.", ("instrument",)),
    Act("confirm_not_sent", CommandKind.CONFIRM_NOT_SENT, "Confirm that an order never arrived (R5).", ("ref",)),
    Act("settle", CommandKind.SETTLE, "End an order by the venue's statement (R6).", ("ref", "state", "fills")),
)
FILLS = dg.Field([{"exec_id": str, "quantity": str, "price": str}], is_required=False, default_value=[])


def operator_jobs(pinned: PinnedConfig) -> list[dg.JobDefinition]:
    """One job for each act, and ``flatten``; each runs once, and fails when the act is refused."""
    return [*(_job(pinned, act) for act in ACTS), _flatten(pinned)]


def _job(pinned: PinnedConfig, act: Act) -> dg.JobDefinition:
    schema: dict[str, Any] = {name: FILLS if name == "fills" else str for name in act.about}

    @dg.op(name=f"ask_to_{act.name}", tags=pinned.tags, config_schema=schema | {"reason": str})
    def step(context: dg.OpExecutionContext) -> None:
        config = dict(context.op_config)
        context.log.info(f"{act.name}: {ask(pinned.verified(context), act.kind, _reason(config), config)}")

    return _run_once(pinned, act.name, act.text, step)


def _flatten(pinned: PinnedConfig) -> dg.JobDefinition:
    @dg.op(name="decide_to_flatten", tags=pinned.tags, config_schema={"reason": str})
    def step(context: dg.OpExecutionContext) -> None:
        reason = _reason(dict(context.op_config))
        settings, key = pinned.verified(context), f"dagster:{context.run_id}"
        with Container(settings) as house:
            cancelled, decisions = trading.flatten(house, ACTOR, reason, key)
        if cancelled.open or cancelled.problem:
            context.log.warning(f"still open: {', '.join(cancelled.open) or 'not known'}; {cancelled.problem}")
        for decision in decisions:
            context.log.info(f"{decision.verdict}: {decision.approved_quantity} of intent {decision.intent_id}")

    text = "Cancel all orders, decide on closing every holding; the sensor approved_orders sends what is approved."
    return _run_once(pinned, "flatten", text, step)


def ask(settings: Settings, kind: CommandKind, reason: str, payload: Mapping[str, object]) -> object:
    """Put a command into the account's inbox and wait for its outcome.

    Raises:
        CommandRefused, CommandPending: when it is refused, or another actor has not finished it in time.
    """
    with Container(settings) as house:
        return trading.asking(house, lambda inbox: inbox.ask(kind, ACTOR, reason, payload))


def _run_once(pinned: PinnedConfig, name: str, text: str, step: dg.OpDefinition) -> dg.JobDefinition:
    tags = {**NO_RETRIES, **pinned.tags}

    @dg.job(name=name, description=text, tags=tags, executor_def=dg.in_process_executor)
    def job() -> None:
        step()

    return job


def _reason(config: dict[str, object]) -> str:
    """The reason, taken out of the config; it goes into the audit log.

    Raises:
        dg.Failure: when it is blank.
    """
    reason = str(config.pop("reason")).strip()
    if not reason:
        raise dg.Failure("the reason is blank: say why, it goes into the audit log", allow_retries=False)
    return reason
