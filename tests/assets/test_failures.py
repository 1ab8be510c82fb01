"""What a run says when something that it needs is away, and what it must not have done then."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from app.operations.serving import make_gateway
from assets import runs
from assets.execution import sending
from assets.execution.definitions import DESK_JOB, execution_definitions
from assets.execution.sending import point_at_approved
from assets.research.bars import make_bars
from assets.research.definitions import MARKET_JOB, research_definitions
from assets.runs import RunFailed, execute, run_desk
from brokers.ibkr.gateway.thread import GatewayThread
from conf.compose import compose
from runtime import trading
from runtime.bar_checks import judge
from runtime.container import Container
from tests.support.houses import House, free_port, stocked_house
from tradewright.execution.actor import ReconciliationResult
from tradewright.execution.inbox import CommandRefused
from tradewright.execution.types import SendResult, SendStatus
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import Clock, ManualClock
from tradewright.model.decision import Decision, Verdict
from tradewright.model.mode import Mode
from tradewright.model.order import OrderTerms, Side
from tradewright.policy.approval import approve

BUY = OrderTerms(instrument="BTC", side=Side.BUY, quantity=Decimal("0.01"))


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house in which a person could trade BTC at once."""
    return stocked_house(tmp_path_factory.mktemp("stocked"))


@pytest.fixture
def desk(stocked: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """The same with an empty ledger."""
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(stocked.conf))
    for path in [*stocked.root.glob("ledger.sqlite3*"), *stocked.root.glob("sim_venue.json*")]:
        path.unlink(missing_ok=True)
    settings = compose(stocked.overrides)
    with Container(settings) as opened:
        judge(opened, "BTC")
    return stocked


def new_decision(house: House, key: str) -> Decision:
    settings = compose(house.overrides)
    with Container(settings) as opened:
        decision = trading.deciding(opened, lambda decider: decider.submit_intent(key, BUY))
    assert decision.verdict is Verdict.APPROVE, decision.reasons
    return decision


def sensor_says(house: House) -> dg.RunRequest | dg.SkipReason:
    return point_at_approved(compose(house.overrides))


class TestGatewayAway:
    """Nobody listens where the gateway should be."""

    @pytest.fixture
    def away(self, desk: House) -> tuple[House, int]:
        port = free_port()
        venue = ("mode=paper", "broker=ibkr", f"broker.port={port}", "broker.timeout_s=1", "broker.account=DU000001")
        return House(desk.conf, desk.root, (*desk.more, *venue)), port

    @staticmethod
    def decided(house: House, port: int) -> Decision:
        """An approved order of the paper account; the gateway is away again afterwards."""
        settings = compose(house.overrides)
        with GatewayThread(make_gateway(settings, Container(settings).clock, port)):
            return new_decision(house, "k1")

    @pytest.mark.parametrize("job", [DESK_JOB, "reconcile"])
    def test_the_run_fails_and_names_the_address(
        self, away: tuple[House, int], instance: dg.DagsterInstance, job: str
    ) -> None:
        house, port = away
        with pytest.raises(RunFailed, match=rf"job {job}: .*127.0.0.1:{port}") as caught:
            execute(execution_definitions(house.overrides), job, instance)
        assert "connection refused (start the gateway" in str(caught.value), (
            "the actor's answer: it could not carry it out"
        )
        settings = compose(house.overrides)
        with Container(settings).ledger as ledger:
            assert ledger.broker_journal.last_reconciliation("DU000001") is None

    def test_an_order_that_could_not_be_sent_stays_approved(
        self, away: tuple[House, int], instance: dg.DagsterInstance
    ) -> None:
        house, port = away
        decision = self.decided(house, port)
        before = sensor_says(house)
        assert isinstance(before, dg.RunRequest)
        definitions = execution_definitions(house.overrides)
        with pytest.raises(RunFailed, match=rf"127.0.0.1:{port}"):
            execute(definitions, "send_orders", instance, run_config=before.run_config)
        after = sensor_says(house)
        assert isinstance(after, dg.RunRequest)
        assert after.run_config == before.run_config, "the next tick asks for it again"
        assert after.run_key != before.run_key, "under the name of its next attempt"
        settings = compose(house.overrides)
        with Container(settings).ledger as ledger:
            assert [row.sending_at for row in ledger.attempts.all(decision.intent_id)] == [None]

    def test_what_depends_on_the_venue_is_not_made(self, away: tuple[House, int], instance: dg.DagsterInstance) -> None:
        job = execution_definitions(away[0].overrides).resolve_job_def(DESK_JOB)
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        assert result.get_asset_materialization_events() == []

    def test_the_sensor_needs_no_venue(self, away: tuple[House, int]) -> None:
        house, port = away
        self.decided(house, port)
        assert isinstance(sensor_says(house), dg.RunRequest)


class TestLedgerAway:
    """The file of the ledger belongs to another program, or is none."""

    @pytest.fixture
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        plain = Ledger.create

        def create(url: str, clock: Clock, busy_seconds: float = 0.1, mode: Mode = Mode.SIM) -> Ledger:
            return plain(url, clock, busy_seconds, mode)

        monkeypatch.setattr(Ledger, "create", create)

    @pytest.mark.usefixtures("impatient")
    @pytest.mark.parametrize("job", [MARKET_JOB, "reconcile"])
    def test_a_locked_one_fails_the_run_and_says_by_whom_it_is_held(
        self, desk: House, instance: dg.DagsterInstance, job: str
    ) -> None:
        location = research_definitions if job == MARKET_JOB else execution_definitions
        definitions = location(desk.overrides)
        with closing(sqlite3.connect(desk.root / "ledger.sqlite3")) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(RunFailed, match="another process holds the write lock") as caught:
                execute(definitions, job, instance, partition_key="BTC" if job == MARKET_JOB else None)
        assert "find and end the process that holds it; try again" in str(caught.value)
        execute(definitions, job, instance, partition_key="BTC" if job == MARKET_JOB else None)

    def test_a_file_that_is_no_ledger_fails_the_run(self, desk: House, instance: dg.DagsterInstance) -> None:
        for path in desk.root.glob("ledger.sqlite3*"):
            path.unlink()
        (desk.root / "ledger.sqlite3").write_text("a diary " * 200)
        with pytest.raises(RunFailed, match="the file is not a database"):
            execute(execution_definitions(desk.overrides), "reconcile", instance)
        assert (desk.root / "ledger.sqlite3").read_text().startswith("a diary"), "it was left as it was"


def test_a_damaged_bars_file_fails_the_run_and_is_named(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    house = House(tmp_path, tmp_path / "data", ("universe.instruments=[BTC]",))
    settings = compose(house.overrides)
    make_bars(settings, "BTC")
    path = max((house.root / "bars").rglob("*.parquet"), key=lambda file: file.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(RunFailed, match=path.name):
        execute(research_definitions(house.overrides), MARKET_JOB, instance, partition_key="BTC")
    with Container(settings).ledger as ledger:
        assert not ledger.checks.newest()["bars.BTC.1m"].passed


class TestSensor:
    """It keeps no cursor: what it says follows from the ledger alone."""

    def test_one_run_for_all_and_its_key_changes_with_the_batch(self, desk: House) -> None:
        keys, batches = [], []
        decisions = []
        for name in ("k1", "k2"):
            decisions.append(new_decision(desk, name) if name == "k1" else other_decision(desk, name))
            said = sensor_says(desk)
            assert isinstance(said, dg.RunRequest)
            keys.append(said.run_key)
            batches.append(said.run_config["ops"]["send"]["config"]["decision_ids"])
        assert batches == [[decisions[0].decision_id], [row.decision_id for row in decisions]]
        assert len(set(keys)) == 2

    def test_an_approval_that_has_expired_is_pointed_at_no_more(
        self, desk: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        decision = new_decision(desk, "k1")
        late = ManualClock(decision.expires_at)
        monkeypatch.setattr(Container, "clock", late)
        assert isinstance(sensor_says(desk), dg.SkipReason)

    def test_an_order_whose_run_died_before_its_claim_gets_another_when_it_is_decided_again(
        self, desk: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Dagster launches one run per key; nothing was claimed, so the reference of the attempt is the same."""
        first = new_decision(desk, "k1")
        before = sensor_says(desk)
        monkeypatch.setattr(Container, "clock", ManualClock(first.expires_at))
        settings = compose(desk.overrides)
        minute = first.expires_at - first.decided_at
        times = {"decided_at": first.expires_at, "expires_at": first.expires_at + minute}
        second = first.model_copy(update={"decision_id": "decided-again", **times})
        with Container(settings).ledger as ledger:
            account = ledger.outbox.get(first.decision_id).account
            ledger.decisions.record_decision(second)
            ledger.outbox.put(approve(ledger.decisions.intent(second.intent_id), second, account))
            (waiting,) = ledger.outbox.sendable()
        after = sensor_says(desk)
        assert isinstance(before, dg.RunRequest)
        assert isinstance(after, dg.RunRequest)
        assert (waiting.ref, waiting.decision_id) == (f"{first.intent_id}.1", second.decision_id)
        assert after.run_key != before.run_key

    def test_no_cursor_is_kept(self, desk: House, instance: dg.DagsterInstance) -> None:
        new_decision(desk, "k1")
        sensor = execution_definitions(desk.overrides).resolve_sensor_def("approved_orders")
        first = sensor.evaluate_tick(dg.build_sensor_context(instance=instance))
        later = sensor.evaluate_tick(dg.build_sensor_context(instance=instance, cursor="somebody's"))
        assert first.cursor is None
        assert [row.run_key for row in later.run_requests or []] == [row.run_key for row in first.run_requests or []]


def other_decision(house: House, key: str) -> Decision:
    """Another order than ``BUY``: two equal ones would be duplicates."""
    settings = compose(house.overrides)
    terms = BUY.model_copy(update={"quantity": Decimal("0.002")})
    with Container(settings) as opened:
        decision = trading.deciding(opened, lambda decider: decider.submit_intent(key, terms))
    assert decision.verdict is Verdict.APPROVE, decision.reasons
    return decision


class TestVerdictsOfARun:
    """When a run must not look successful."""

    @pytest.mark.parametrize(
        ("status", "fails"),
        [
            (SendStatus.SENT, False),
            (SendStatus.REFUSED, False),
            (SendStatus.TAKEN, False),
            (SendStatus.LOST, True),
            (SendStatus.UNKNOWN, True),
        ],
    )
    def test_a_lost_or_doubtful_order_fails_it(
        self,
        desk: House,
        instance: dg.DagsterInstance,
        monkeypatch: pytest.MonkeyPatch,
        status: SendStatus,
        fails: bool,
    ) -> None:
        asked = []

        def asking(opened: Container, _ask: object) -> tuple[SendResult, ...]:
            asked.append(opened)
            return (SendResult("d1", "i1.1", status), SendResult("d2", "i2.1", SendStatus.SENT))

        monkeypatch.setattr(trading, "asking", asking)
        monkeypatch.setattr(sending, "known_decisions", lambda _ledger, ids: list(ids))
        job = execution_definitions(desk.overrides).resolve_job_def("send_orders")
        config = {"ops": {"send": {"config": {"decision_ids": ["d1", "d2"]}}}}
        result = job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)
        assert result.success is not fails
        assert len(asked) == 1, "it was not tried again"
        if fails:
            (failure,) = [event for event in result.all_events if event.is_step_failure]
            text = str(failure.step_failure_data.user_failure_data.description)
            assert text == f"d1 i1.1 {status}", "only what went wrong is a reason"

    def test_differences_with_the_venue_fail_it(
        self, desk: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = Container(compose(desk.overrides)).clock.now()
        found = ReconciliationResult(now, ("POSITION_DRIFT BTC", "FOREIGN_ORDER ETH"), Decimal(1), {})
        monkeypatch.setattr(trading, "asking", lambda _settings, _act: found)
        with pytest.raises(RunFailed, match="POSITION_DRIFT BTC\nFOREIGN_ORDER ETH"):
            execute(execution_definitions(desk.overrides), "reconcile", instance)

    def test_a_person_without_a_daemon_gets_the_same(self, desk: House, monkeypatch: pytest.MonkeyPatch) -> None:
        """``run_desk`` stops at the first failed job, and says which one."""
        ran: list[str] = []
        plain = runs.execute

        def spy(definitions: dg.Definitions, job: str, *rest: object, **more: object) -> object:
            ran.append(job)
            return plain(definitions, job, *rest, **more)  # type: ignore[arg-type]

        def away(*_given: object) -> None:
            raise CommandRefused("nobody answers", where="127.0.0.1:1", remedy="start it")

        monkeypatch.setattr(runs, "execute", spy)
        monkeypatch.setattr(trading, "asking", away)
        with pytest.raises(RunFailed, match=r"job desk: positions: .*nobody answers"):
            run_desk(desk.overrides, lambda _text: None)
        assert ran == [DESK_JOB]
