"""The HTTP client of the vendors: JSON by GET and POST, paced, repeated where that helps, and bounded in time and size.

The key travels in a header. It stands in no address, and no error, log or answer that is told holds it; redirects are
not followed, so that it goes to no other host.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from random import SystemRandom
from ssl import SSLContext
from typing import Any, NamedTuple, NoReturn

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from brokers.pacing import Pace
from brokers.vendors.circuit_breaker import Circuit, CircuitBreaker
from brokers.vendors.unreachable import REMEDY, cannot_be_reached
from tradewright.model.clock import Clock
from tradewright.model.errors import DataError
from tradewright.model.live import LinkLost

REPEATED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may be answered later."""
TOO_MANY, PATIENCE = 429, 15.0
"""Seconds to wait where a vendor says that it was asked too often and not for how long: limits are by the minute."""
FORBIDDEN = frozenset({401, 403})
_CHANCE = SystemRandom().random
_TOLD = 200
"""Characters of an answer that an error tells."""


class VendorError(DataError):
    """A vendor did not answer, or not as it should."""


class VendorUnavailable(VendorError, LinkLost):
    """A vendor cannot be reached, is overloaded or limits us; the same request may be answered later."""


class VendorRefused(VendorError):
    """A vendor refuses a request, which would be refused again.

    Args:
        status: of HTTP.
        body: of the answer, a document or its text, without secrets.
    """

    def __init__(
        self, what: str, *, where: str = "", remedy: str = "", code: str = "", status: int = 0, body: Any = None
    ) -> None:
        super().__init__(what, where=where, remedy=remedy, code=code)
        self.status, self.body = status, body


@dataclass(frozen=True)
class Persistence:
    """How long and how often a vendor is asked.

    Args:
        attempts: of one request, the first one included.
        first_wait: seconds before the second attempt; each further wait is twice as long.
        longest_wait: seconds at the most, also where the vendor asks for more: then the request has failed.
        jitter: the share of a wait by which chance makes it longer, so that clients do not come back all at once.
        connect, silence: seconds for a connection, and without any byte.
        whole: seconds for a whole answer.
        most_bytes: of an answer, unpacked.
    """

    attempts: int = 6
    first_wait: float = 1.0
    longest_wait: float = 90.0
    jitter: float = 0.25
    connect: float = 10.0
    silence: float = 30.0
    whole: float = 120.0
    most_bytes: int = 32 * 2**20


class Transient(Exception):
    """An attempt failed in a way that may pass.

    Args:
        wait: seconds that the vendor asks for; None where it asks for nothing.
        remedy: what a person can do when the last attempt fails like this.
    """

    def __init__(
        self, what: str, wait: float | None = None, remedy: str = "try again later; what was stored stays"
    ) -> None:
        super().__init__(what)
        self.what, self.wait, self.remedy = what, wait, remedy


class Reply(NamedTuple):
    """An answer of HTTP; ``headers`` are found in any case."""

    status: int
    reason: str
    headers: Mapping[str, str]
    content: bytes


class HttpClient:
    """Asks one vendor.

    Args:
        vendor: its name, for messages.
        base: the address before the path, such as ``https://api.massive.com``.
        headers: of each request.
        secrets: which of their texts no message may hold.
        paces: how often, by the name of a method; ``""`` is for all others.
        sleep, chance: how to wait, and a number in [0, 1) for the jitter; a test gives its own.
    """

    def __init__(
        self,
        vendor: str,
        base: str,
        headers: Mapping[str, str],
        secrets: Iterable[str],
        paces: Mapping[str, Pace],
        clock: Clock,
        *,
        persistence: Persistence | None = None,
        breaker: CircuitBreaker | None = None,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = _CHANCE,
    ) -> None:
        self._persistence = how = persistence or Persistence()
        self.breaker = breaker or CircuitBreaker(clock)
        self._vendor, self._base, self._paces, self._clock = vendor, base.rstrip("/"), paces, clock
        self._secrets = tuple(secrets)
        self._sleep, self._chance = sleep, chance
        self._client = httpx.Client(
            headers={**headers, "Accept": "application/json"},
            timeout=httpx.Timeout(how.silence, connect=how.connect),
            verify=authorities(),
            follow_redirects=False,
            limits=httpx.Limits(max_keepalive_connections=0),  # nothing is left open, and none is found dead
        )

    @property
    def where(self) -> str:
        """The vendor and its host, for messages."""
        return f"{self._vendor} at {httpx.URL(self._base).host}"

    @property
    def patience(self) -> float:
        """Seconds without any byte after which an attempt has failed."""
        return self._persistence.silence

    def get(self, path: str, parameters: Mapping[str, str | int], method: str = "") -> Any:
        """The JSON document at a path.

        Args:
            method: whose pace is kept.

        Raises:
            VendorRefused: for a status that says that asking again does not help.
            VendorUnavailable: when every attempt failed, or the vendor has failed so often that it is left alone.
            VendorError: when the answer is no JSON document, too large, or a redirect.
        """
        return self._ask(method, lambda: self.exchange(f"{self._base}{path}", parameters))

    def post(self, path: str, question: object, method: str = "", judge: Callable[[Any], None] | None = None) -> Any:
        """The JSON document that answers a JSON document; sent again as :meth:`get` is, so it must change nothing.

        Args:
            judge: looks at the answer, whose status says nothing where a protocol tells its errors in a 200; it raises
                :class:`Transient` where asking again may help, else another error.

        Raises:
            VendorError: as for :meth:`get`, and as ``judge`` raises.
        """
        return self._ask(method, lambda: self._sent("POST", f"{self._base}{path}", json=question), judge)

    def _ask(self, method: str, send: Callable[[], Reply], judge: Callable[[Any], None] | None = None) -> Any:
        """A request with its pace, repetition and breaker."""
        if (wait := self.breaker.wait()) > 0:
            raise VendorUnavailable(
                f"failed again and again, and is left alone for {wait:.0f} s more",
                where=self.where,
                remedy="try again later; what was stored stays",
            )
        attempts = 1 if self.breaker.state is Circuit.HALF_OPEN else self._persistence.attempts
        asking = Retrying(
            retry=retry_if_exception_type(Transient),
            stop=stop_after_attempt(attempts),
            wait=self._wait,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            document = asking(self._once, send, judge, self._paces.get(method) or self._paces[""])
        except VendorRefused:
            self.breaker.succeeded()  # it is there, and says no
            raise
        except Transient as problem:
            self.breaker.failed()
            raise VendorUnavailable(
                f"{self.clean(problem.what)} ({attempts} attempts)" if attempts > 1 else self.clean(problem.what),
                where=self.where,
                remedy=problem.remedy,
            ) from None
        self.breaker.succeeded()
        return document

    def _wait(self, state: RetryCallState) -> float:
        """Seconds before the next attempt: as the vendor asks, else doubled each time."""
        problem = state.outcome.exception() if state.outcome else None
        asked = problem.wait if isinstance(problem, Transient) else None
        how = self._persistence
        plain = min(how.first_wait * 2.0 ** (state.attempt_number - 1), how.longest_wait)
        return max(plain, asked or 0.0) * (1 + how.jitter * self._chance())

    def _once(self, send: Callable[[], Reply], judge: Callable[[Any], None] | None, pace: Pace) -> Any:
        if (wait := pace.wait()) > 0:
            self._sleep(wait)
        pace.take()
        document = self._document(send())
        if judge is not None:
            judge(document)
        return document

    def exchange(self, address: str, parameters: Mapping[str, str | int]) -> Reply:
        """One request; a vendor whose client library has to make it fills this anew.

        Raises:
            Transient: when it failed in a way that may pass.
            VendorError: when the answer is too large.
        """
        return self._sent("GET", address, params=dict(parameters))

    def _sent(self, verb: str, address: str, **asked: Any) -> Reply:
        begun = self._clock.monotonic()
        try:
            with self._client.stream(verb, address, **asked) as answer:
                content = self._content(answer.iter_bytes(), begun)
        except httpx.TransportError as error:
            raise Transient(cannot_be_reached(error), remedy=REMEDY) from None
        except httpx.DecodingError as error:
            raise Transient(f"the answer cannot be unpacked: {error}") from None
        return Reply(answer.status_code, answer.reason_phrase, answer.headers, content)

    def bounded(self, content: bytes) -> bytes:
        """An answer that came as a whole.

        Raises:
            VendorError: when it is too large.
        """
        return self._content([content], self._clock.monotonic())

    def _content(self, parts: Iterable[bytes], begun: float) -> bytes:
        content, how = bytearray(), self._persistence
        for part in parts:
            content += part
            if len(content) > how.most_bytes:
                what = f"the answer is larger than {how.most_bytes / 2**20:g} MiB"
                raise VendorError(what, where=self.where, remedy="nothing was stored; tell the vendor")
            if self._clock.monotonic() - begun > how.whole:
                raise Transient(f"the answer took longer than {how.whole:g} s")
        return bytes(content)

    def _document(self, answer: Reply) -> Any:
        status, content = answer.status, answer.content
        if status in REPEATED:
            wait = _seconds(answer.headers.get("Retry-After", ""), self._clock)
            what = f"it answers {status} {answer.reason}: {self._text(content)}"
            if wait is not None and wait > self._persistence.longest_wait:
                self.breaker.failed()
                remedy = f"try again in {wait / 60:.0f} minutes; what was stored stays"
                raise VendorUnavailable(self.clean(what), where=self.where, remedy=remedy)
            raise Transient(what, PATIENCE if wait is None and status == TOO_MANY else wait)
        if 300 <= status < 400:
            host = httpx.URL(answer.headers.get("Location", "")).host or "another path"
            what = f"it sends us on to {host}, where the key does not go"
            raise VendorError(self.clean(what), where=self.where, remedy="correct feed.base_url")
        if status != 200:
            self._refuse(status, content)
        return self._parsed(content, answer.headers.get("Content-Type", ""))

    def _refuse(self, status: int, content: bytes) -> NoReturn:
        remedy = "check the key and what its plan includes" if status in FORBIDDEN else ""
        told = self._text(content)
        try:
            body = json.loads(self.clean(content.decode("utf-8", "replace")))
        except (ValueError, RecursionError):
            body = told
        raise VendorRefused(f"it answers {status}: {told}", where=self.where, remedy=remedy, status=status, body=body)

    def _parsed(self, content: bytes, kind: str) -> Any:
        try:
            return json.loads(content, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            what = f"the answer is no JSON document ({kind or 'of no stated kind'}): {error}"
            raise VendorError(self.clean(what)[: 2 * _TOLD], where=self.where, remedy="nothing was stored") from None

    def _text(self, content: bytes) -> str:
        """The message of an answer, or its beginning, on one line and without secrets."""
        text = content[: 8 * _TOLD].decode("utf-8", "replace")
        try:
            known = json.loads(content)
        except (ValueError, RecursionError):
            known = None
        if isinstance(known, dict):
            named = (known.get(key) for key in ("error", "message", "errorMessage", "msg"))
            text = next((told for told in named if isinstance(told, str) and told), text)
        return " ".join(self.clean(text).split())[:_TOLD] or "an empty answer"

    def clean(self, text: str) -> str:
        """A text without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


@cache
def authorities() -> SSLContext:
    """The authorities that certificates of vendors are checked by, read once."""
    return httpx.create_ssl_context()


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _seconds(header: str, clock: Clock) -> float | None:
    """``Retry-After`` in seconds, which may be a number or a date; None where it says nothing."""
    if header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - clock.now()).total_seconds())
    except (ValueError, TypeError):
        return None
