"""The client of vendors: paced, patient where it helps, bounded, and silent about the key."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import httpx
import pytest

from brokers.pacing import Pace
from brokers.vendors.circuit_breaker import Circuit, CircuitBreaker
from brokers.vendors.http_client import HttpClient, Persistence, VendorError, VendorRefused, VendorUnavailable
from brokers.vendors.unreachable import cannot_be_reached
from tests.support.vendor_server import Answer, VendorServer
from tradewright.model.clock import ManualClock

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
KEY = "canary-4711-key"
GOOD = Answer({"a": 1})


class Desk:
    """A client of a vendor on loopback, with a clock of its own and the waits that it asked for."""

    def __init__(self, server: VendorServer, chance: float = 0.0, most: int = 1000, **how: float) -> None:
        self.server, self.clock, self.waits = server, ManualClock(NOW), list[float]()
        paces = {"": Pace(most, 60, self.clock), "slow": Pace(2, 10, self.clock)}
        self.client = HttpClient(
            "acme",
            server.address,
            {"Authorization": f"Bearer {KEY}"},
            (KEY,),
            paces,
            self.clock,
            persistence=Persistence(**how),  # type: ignore[arg-type]
            sleep=self.sleep,
            chance=lambda: chance,
        )

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.advance(seconds)

    def get(self, method: str = "") -> object:
        return self.client.get("/x", {"n": 1}, method)


@pytest.fixture(scope="module")
def running() -> Iterator[VendorServer]:
    with VendorServer(lambda _: GOOD).running() as server:
        yield server


@pytest.fixture
def server(running: VendorServer) -> VendorServer:
    running.asked.clear()
    running.script.clear()
    return running


def test_a_document_comes_with_the_key_in_a_header_alone(server: VendorServer) -> None:
    assert Desk(server).get() == {"a": 1}
    (asked,) = server.asked
    assert (asked.path, asked.query) == ("/x", {"n": "1"})
    assert asked.headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "trouble",
    [*(Answer({"error": "no"}, status) for status in (408, 425, 500, 502, 503, 504)),
     Answer({"a": 1}, cut=3), Answer(silent=True), Answer(b"no gzip", headers={"Content-Encoding": "gzip"})],
)  # fmt: skip
def test_what_may_pass_is_tried_again_after_waits_that_double(server: VendorServer, trouble: Answer) -> None:
    desk = Desk(server)
    server.script = [trouble] * 4
    assert desk.get() == {"a": 1}
    assert desk.waits == [1, 2, 4, 8]


def test_waits_are_longer_by_chance_and_end(server: VendorServer) -> None:
    desk = Desk(server, chance=0.5, longest_wait=4, jitter=0.5)
    server.script = [Answer(status=500)] * 6
    with pytest.raises(VendorUnavailable, match=r"acme at 127\.0\.0\.1: it answers 500 .*\(6 attempts\)"):
        desk.get()
    assert desk.waits == [1.25, 2.5, 5, 5, 5]


def test_the_vendor_says_how_long_to_wait(server: VendorServer) -> None:
    desk = Desk(server)
    date = "Fri, 20 Nov 2026 15:01:10 GMT"
    server.script = [Answer(status=429, headers={"Retry-After": text}) for text in ("40", date, "soon")]
    assert desk.get() == {"a": 1}
    assert desk.waits == [40, 30, 15]


def test_a_limit_by_the_minute_is_outlasted(server: VendorServer) -> None:
    """A plan of a few requests a minute, of which another program has taken some."""
    desk = Desk(server)
    server.script = [Answer(status=429)] * 5
    assert desk.get() == {"a": 1}
    assert sum(desk.waits) > 60


def test_a_wait_that_is_too_long_is_told_and_not_waited_for(server: VendorServer) -> None:
    desk = Desk(server)
    server.script = [Answer({"error": "enough"}, 429, {"Retry-After": "3600"})]
    with pytest.raises(VendorUnavailable, match=r"enough.*in 60 minutes"):
        desk.get()
    assert desk.waits == []
    assert len(server.asked) == 1


def test_the_circuit_opens_lets_one_through_and_closes(server: VendorServer) -> None:
    desk = Desk(server, attempts=2)
    breaker = desk.client.breaker
    server.script = [Answer(status=503)] * 6
    for _ in range(3):
        with pytest.raises(VendorUnavailable, match="2 attempts"):
            desk.get()
    assert breaker.state is Circuit.OPEN
    with pytest.raises(VendorUnavailable, match="left alone for 60 s more"):
        desk.get()
    assert len(server.asked) == 6, "it was not asked"
    desk.clock.advance(60)
    assert breaker.state is Circuit.HALF_OPEN
    server.script = [Answer(status=503)]
    with pytest.raises(VendorUnavailable):
        desk.get()
    assert (len(server.asked), breaker.state) == (7, Circuit.OPEN), "a single try, which failed"
    desk.clock.advance(60)
    assert desk.get() == {"a": 1}
    assert breaker.state is Circuit.CLOSED


def test_a_success_or_a_clear_no_forgets_the_failures(server: VendorServer) -> None:
    desk = Desk(server, attempts=1)
    for end in (GOOD, Answer(status=404)):
        server.script = [Answer(status=503), Answer(status=503), end]
        for _ in range(3):
            with suppress(VendorError):
                desk.get()
        assert desk.client.breaker.state is Circuit.CLOSED
        assert desk.client.breaker.wait() == 0


def test_each_method_keeps_its_own_pace(server: VendorServer) -> None:
    desk = Desk(server, most=3)
    for _ in range(3):
        desk.get("slow")
    assert desk.waits == [10]
    for _ in range(4):
        desk.get()
    assert desk.waits == [10, 60], "the fourth within a minute"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 422])
def test_a_refusal_is_no_reason_to_ask_again(server: VendorServer, status: int) -> None:
    desk = Desk(server)
    server.script = [Answer({"message": f"no, {KEY} is\nunknown"}, status)]
    with pytest.raises(VendorRefused) as refusal:
        desk.get()
    assert (refusal.value.status, refusal.value.body) == (status, {"message": "no, *** is\nunknown"})
    assert f"it answers {status}: no, *** is unknown" in str(refusal.value)
    assert ("check the key" in refusal.value.remedy) == (status in (401, 403))
    assert (len(server.asked), desk.waits) == (1, [])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(b'{"a": [1, 2'), "no JSON document"),
        (Answer(b"<html>Maintenance</html>", kind="text/html"), r"no JSON document \(text/html\)"),
        (Answer(b'{"a": NaN}'), "NaN is no number"),
        (Answer(b'{"a": -Infinity}'), "-Infinity is no number"),
        (Answer(b"[" * 2000), "no JSON document"),
        (Answer(b"\xff\xfe\x00"), "no JSON document"),
        (Answer(b""), "no JSON document"),
        (Answer(b"x" * 3000), "larger than 0.00195"),
        (Answer(gzip.compress(b"0" * 10**7), headers={"Content-Encoding": "gzip"}), "larger than 0.00195"),
        (Answer(status=302, headers={"Location": "https://evil.example/x"}), r"on to evil\.example"),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_an_error_at_once(server: VendorServer, answer: Answer, words: str) -> None:
    desk = Desk(server, most_bytes=2048)
    server.script = [answer]
    with pytest.raises(VendorError, match=words):
        desk.get()
    assert (len(server.asked), desk.waits) == (1, [])


def test_an_answer_that_never_ends_is_given_up(server: VendorServer) -> None:
    desk = Desk(server, attempts=1, whole=0.5)
    desk.clock.monotonic = iter(range(100)).__next__  # type: ignore[method-assign]
    with pytest.raises(VendorUnavailable, match="took longer than"):
        desk.get()


def test_a_vendor_that_is_not_there_is_told() -> None:
    with VendorServer(lambda _: GOOD).running() as gone:
        desk = Desk(gone, attempts=1)
    with pytest.raises(VendorUnavailable, match="the connection is refused") as refusal:
        desk.get()
    assert "see whether this machine reaches the network" in refusal.value.remedy
    assert KEY not in str(refusal.value)


def test_a_breaker_counts_failures_in_a_row() -> None:
    clock = ManualClock(NOW)
    breaker = CircuitBreaker(clock, failures=2, pause=5)
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.state is Circuit.CLOSED
    breaker.failed()
    assert (breaker.state, breaker.wait()) == (Circuit.OPEN, 5)
    clock.advance(5)
    assert breaker.state is Circuit.HALF_OPEN


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (httpx.ConnectError("[Errno -2] Name or service not known"), "the name of its host is not found"),
        (OSError("curl: (6) Could not resolve host: x. See https://curl.se/"), "the name of its host is not found"),
        (httpx.ConnectTimeout("timed out"), "it did not answer in time"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), "its certificate is not accepted"),
        (httpx.ProxyError("407"), "the proxy does not let us through"),
        (OSError("[Errno 101] Network is unreachable"), "there is no way to it"),
        (httpx.RemoteProtocolError("peer closed"), r"the connection broke off \(RemoteProtocolError\)"),
    ],
)
def test_a_connection_that_fails_is_told_in_words_of_ours(error: Exception, told: str) -> None:
    said = cannot_be_reached(error)
    assert re.match(f"it cannot be reached: {told}", said)
    assert "http" not in said
    assert "Errno" not in said
