"""The sensor points, the ledger decides: an approved order goes out once, whoever asks and however often."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from decimal import Decimal

import dagster as dg
import pytest

from assets.execution.definitions import DESK_JOB, execution_definitions
from assets.execution.operator_jobs import ACTS
from assets.execution.sending import compare_with_venue, describe, send_batch
from assets.pinned_config import HASH_TAG
from assets.runs import RunFailed, execute
from conf.compose import compose
from runtime import trading
from runtime.bar_checks import judge, record_features
from runtime.container import Container
from runtime.signals import identity_in_force
from tests.support.houses import House, conf_copy
from tradewright.execution.types import SendResult, SendStatus
from tradewright.ledger.freezes import FreezeCode
from tradewright.ledger.outbox import batch_key
from tradewright.model.bars import Timeframe
from tradewright.model.decision import Decision, Reason, Verdict
from tradewright.model.order import OrderTerms, Side

CANARY = "canary-77c1d0e2"
BUY = OrderTerms(instrument="BTC", side=Side.BUY, quantity=Decimal("0.01"))


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house with checked bars and features, and no strategy run yet."""
    from assets.research.definitions import research_definitions

    folder = tmp_path_factory.mktemp("stocked")
    made = House(
        conf_copy(folder, ["buy_and_hold"]), folder / "data", ("universe.instruments=[BTC]", "strategy=buy_and_hold")
    )
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("TRADEWRIGHT_CONF", str(made.conf))
        for job, key in (("market", "BTC"), ("research", None)):
            execute(research_definitions(made.overrides), job, instance, partition_key=key)
        yield made


@pytest.fixture
def desk(stocked: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """The same house with an empty ledger: its checks passed just now, and the venue has not heard of us."""
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(stocked.conf))
    for path in [*stocked.root.glob("ledger.sqlite3*"), *stocked.root.glob("sim_venue.json*")]:
        path.unlink(missing_ok=True)
    settings = compose(stocked.overrides)
    with Container(settings) as opened:
        judge(opened, "BTC")
        record_features(opened, "BTC", opened.bar_store.fingerprint("BTC", Timeframe.M1), [])
        opened.ledger.checks.record("lookahead.buy_and_hold", True, {"strategy": identity_in_force(opened)})
    return stocked


def approved(house: House, key: str = "k1") -> Decision:
    settings = compose(house.overrides)
    with Container(settings) as opened:
        decision = trading.deciding(opened, lambda decider: decider.submit_intent(key, BUY))
    assert decision.verdict is Verdict.APPROVE, decision.reasons
    return decision


def tick(house: House, instance: dg.DagsterInstance) -> dg.SensorExecutionData:  # type: ignore[name-defined]
    sensor = execution_definitions(house.overrides).resolve_sensor_def("approved_orders")
    return sensor.evaluate_tick(dg.build_sensor_context(instance=instance))


def filled(house: House) -> list[Decimal]:
    settings = compose(house.overrides)
    with Container(settings).ledger as ledger:
        return [row.quantity for row in ledger.executions.all()]


def test_nothing_to_send_is_said(desk: House, instance: dg.DagsterInstance) -> None:
    found = tick(desk, instance)
    assert found.skip_message == "no approved order waits to be sent"
    assert not found.run_requests


def test_the_run_key_is_a_name_for_the_batch(desk: House, instance: dg.DagsterInstance) -> None:
    decision = approved(desk)
    first, again = tick(desk, instance), tick(desk, instance)
    (request,) = first.run_requests or []
    settings = compose(desk.overrides)
    with Container(settings).ledger as ledger:
        assert request.run_key == batch_key(ledger.outbox.sendable())
    assert [row.run_key for row in again.run_requests or []] == [request.run_key]
    assert request.run_config["ops"] == {"send": {"config": {"decision_ids": [decision.decision_id]}}}
    assert filled(desk) == [], "looking grants nothing"


def test_two_daemons_on_one_ledger_send_an_order_once(desk: House) -> None:
    """Each has its own runs, so no run key stops the second; the ledger does, and its run says who has the order."""
    decision = approved(desk)
    with dg.DagsterInstance.ephemeral() as one, dg.DagsterInstance.ephemeral() as other:
        requests = [(home, (tick(desk, home).run_requests or [])[0]) for home in (one, other)]
        assert requests[0][1].run_config == requests[1][1].run_config
        for home, request in requests:
            execute(execution_definitions(desk.overrides), "send_orders", home, run_config=request.run_config)
            assert filled(desk) == [BUY.quantity]
        assert tick(desk, other).skip_message
    said: list[str] = []
    send_batch(compose(desk.overrides), [decision.decision_id], said.append)
    assert said == [f"{decision.decision_id} {decision.intent_id}.1 TAKEN FILLED"]
    assert filled(desk) == [BUY.quantity]


def test_a_batch_with_an_order_that_no_one_approved_fails_the_run(desk: House, instance: dg.DagsterInstance) -> None:
    """The rest of the batch goes out; the run must not look successful; an id that is none may be anything."""
    decision = approved(desk)
    ids = [decision.decision_id, CANARY, "0" * 24]
    with pytest.raises(RunFailed, match="send: 2 of 3 ids name no decision of this ledger") as caught:
        execute(execution_definitions(desk.overrides), "send_orders", instance, run_config=batch(*ids))
    assert filled(desk) == [BUY.quantity]
    assert CANARY not in str(caught.value)
    with Container(compose(desk.overrides)).ledger as ledger:
        assert CANARY not in str(ledger.commands.newest(9)) + str(ledger.audit.entries())


def test_only_unknown_ids_send_nothing_else(desk: House, instance: dg.DagsterInstance) -> None:
    approved(desk)
    with pytest.raises(RunFailed, match="1 of 1 ids"):
        execute(execution_definitions(desk.overrides), "send_orders", instance, run_config=batch(CANARY))
    assert filled(desk) == []


def test_no_config_of_a_run_reads_the_environment(
    desk: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_SECRET", CANARY)
    definitions, asked = execution_definitions(desk.overrides), {"env": "BROKER_SECRET"}
    configs = {act.name: dict.fromkeys((*act.about, "reason"), asked) | {"reason": "r"} for act in ACTS if act.about}
    configs |= {"flatten": {"reason": asked}, "send_orders": {"decision_ids": [asked]}}
    for job, config in configs.items():
        (step,) = [node.name for node in definitions.resolve_job_def(job).nodes]
        run_config = {"ops": {step: {"config": config}}}
        with pytest.raises(dg.DagsterInvalidConfigError) as caught:
            execute(definitions, job, instance, run_config=run_config)
        assert CANARY not in str(caught.value)


def batch(*ids: object) -> dict[str, object]:
    """The run config of ``send_orders``."""
    return {"ops": {"send": {"config": {"decision_ids": list(ids)}}}}


def test_what_the_recheck_refuses_is_not_sent_and_not_asked_for_again(
    desk: House, instance: dg.DagsterInstance
) -> None:
    """A refusal is an answer, not a failure of the run; the ledger has the reasons."""
    approved(desk)
    (request,) = tick(desk, instance).run_requests or []
    settings = compose(desk.overrides)
    with Container(settings).ledger as ledger:
        passed = ledger.checks.newest()["bars.BTC.1m"]
        ledger.checks.record("bars.BTC.1m", False, passed.detail)
    execute(execution_definitions(desk.overrides), "send_orders", instance, run_config=request.run_config)
    assert filled(desk) == []
    assert tick(desk, instance).skip_message
    with Container(settings).ledger as ledger:
        (refusal,) = [row for row in ledger.audit.entries() if row.action == "REFUSE"]
    assert "CHECK_FAILED: failed: bars.BTC.1m; tradewright data findings lists them" in str(refusal.detail)


def test_an_edit_after_loading_stops_the_send(desk: House, instance: dg.DagsterInstance) -> None:
    """Limits of before the edit must not send an order, nor limits of after it one that was approved before."""
    approved(desk)
    definitions = execution_definitions(desk.overrides)
    (request,) = tick(desk, instance).run_requests or []
    path = desk.conf / "risk" / "default.yaml"
    text = path.read_text()
    path.write_text(text.replace("max_size_pct: 0.01 ", "max_size_pct: 0.02 "))
    try:
        with pytest.raises(RunFailed, match="Reload the definitions"):
            execute(definitions, "send_orders", instance, run_config=request.run_config)
    finally:
        path.write_text(text)
    assert filled(desk) == []


def test_the_send_job_is_never_retried_and_its_op_returns_nothing(desk: House) -> None:
    job = execution_definitions(desk.overrides).resolve_job_def("send_orders")
    assert job.tags["dagster/max_retries"] == "0"
    assert HASH_TAG in job.tags
    (op,) = job.nodes
    assert op.definition.retry_policy is None
    assert job.executor_def.name == "in_process"
    function = op.definition.compute_fn.decorated_fn
    assert inspect.signature(function).return_annotation in (None, "None")


def test_the_desk_job_decides_and_a_second_one_decides_nothing_new(desk: House, instance: dg.DagsterInstance) -> None:
    definitions = execution_definitions(desk.overrides)
    for _ in range(2):
        result = definitions.resolve_job_def(DESK_JOB).execute_in_process(instance=instance)
        (event,) = [
            row for row in result.get_asset_materialization_events() if row.asset_key.to_user_string() == "decisions"
        ]
        metadata = event.materialization.metadata
        assert {name: metadata[name].value for name in ("APPROVE", "REVIEW", "REJECT")} == {
            "APPROVE": 0, "REVIEW": 1, "REJECT": 0,
        }  # fmt: skip
        assert "LOW_CONFIDENCE" in str(metadata["decisions"].value)
    settings = compose(desk.overrides)
    with Container(settings).ledger as ledger:
        assert len(ledger.decisions.intents()) == len(ledger.decisions.all()) == 1


def test_reconciling_fails_where_the_books_differ(desk: House, instance: dg.DagsterInstance) -> None:
    definitions = execution_definitions(desk.overrides)
    execute(definitions, "reconcile", instance)
    settings = compose(desk.overrides)
    account = desk_account(desk)
    with Container(settings).ledger as ledger:
        ledger.executions.adjust(account, "BTC", Decimal(1), Decimal(1), "ann", "a mistake")
    with pytest.raises(RunFailed, match="POSITION_DRIFT BTC"):
        execute(definitions, "reconcile", instance)


def test_reconciling_fails_where_a_person_must_act_and_only_tells_of_a_stop(
    desk: House, instance: dg.DagsterInstance
) -> None:
    definitions, account = execution_definitions(desk.overrides), desk_account(desk)
    with Container(compose(desk.overrides)).ledger as ledger:
        ledger.kill_switches.stop("everything", "ann", "lunch")
        (line,) = compare_with_venue(compose(desk.overrides))
        assert line.startswith("STOPPED: everything stopped by ann: lunch")
        execute(definitions, "reconcile", instance)
        ledger.freezes.freeze(account, "BTC", FreezeCode.OVERFILL, "test")
        with pytest.raises(RunFailed, match=r"OVERFILL BTC: test .*tradewright acknowledge BTC"):
            execute(definitions, "reconcile", instance)
        ledger.freezes.lift(account, "BTC", "ann", "seen")
        ledger.kill_switches.resume("everything", "ann", "back")
    assert compare_with_venue(compose(desk.overrides)) == []


def desk_account(house: House) -> str:
    return str(compose(house.overrides).broker.account)


def test_an_outcome_in_one_line() -> None:
    reasons = (Reason(code="KILLED", verdict=Verdict.REJECT, text="the kill switch is on"),)
    assert describe(SendResult("d1", "i1.1", SendStatus.REFUSED, reasons=reasons)) == (
        "d1 i1.1 REFUSED KILLED: the kill switch is on"
    )
    assert describe(SendResult("d1", "", SendStatus.LOST)) == "d1 LOST"
