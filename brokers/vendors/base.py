"""Vendor plug-ins: all that the rest of the program may know of a vendor of bars before it is asked.

Every composition reads this module, so it loads neither pandas nor a client library.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib.util import find_spec
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from tradewright.model.base import FrozenModel
from tradewright.model.clock import Clock
from tradewright.model.errors import ConfigError
from tradewright.model.live import LiveFeed
from tradewright.model.ports import Feed

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
LIBRARIES = ("httpx", "tenacity", "websockets")
"""The packages of the extra ``vendors``."""


LookBackBars = Annotated[int, Field(ge=0, le=100)]
"""Newest stored bars that a refresh asks for again."""


TicksPerSymbol = Annotated[int, Field(ge=1, le=100_000)]
"""The last ticks of an instrument that a stream keeps in memory."""


def _address(value: str) -> str:
    parts = urlsplit(value)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not (is_safe and parts.hostname) or parts.query or parts.username:
        raise ValueError("must be an address that begins with https://, or with http:// on this machine")
    return value.rstrip("/")


class VendorSettings(FrozenModel):
    """Base of every vendor's settings, one file of ``conf/feed``; ``kind`` names the plug-in.

    Args:
        remote_providers: whether anything beyond this machine may be asked.
        base_url: where the vendor answers.
        requests_per_minute: the most that it is asked; what the plan allows.
        delay_minutes: how late the vendor's data are, by the plan; a bar counts as closed so much later.
        first_bars: how many bars back a first refresh reaches, a week at the least; ``tradewright backfill`` reaches
            back as far as it is told.
        look_back_bars: how many of the newest stored bars a refresh asks for again, so that corrections arrive; of
            bars shorter than a day those of the last day, after a pause of six hours. 0 for none.
    """

    kind: str
    remote_providers: Literal["enabled", "disabled"]
    base_url: Annotated[str, AfterValidator(_address)]
    requests_per_minute: Annotated[int, Field(ge=1, le=60_000)]
    delay_minutes: Annotated[float, Field(ge=0, le=1440)]
    first_bars: Annotated[int, Field(ge=1, le=100_000)]
    look_back_bars: LookBackBars


def _stream_address(value: str) -> str:
    secure, plain = ("wss", "https"), ("ws", "http")
    parts = urlsplit(value)
    is_safe = parts.scheme in secure or (parts.scheme in plain and parts.hostname in LOOPBACK)
    if not (is_safe and parts.hostname) or parts.query or parts.username:
        raise ValueError("must be an address that begins with wss:// or https://, or with ws:// on this machine")
    return value.rstrip("/")


class StreamSettings(VendorSettings):
    """Base of the settings of a vendor whose prices are streamed.

    Args:
        stream_url: where the vendor streams.
        stale_seconds: how long a link may be without any message while a market is open, before it is made anew.
        ticks_per_symbol: how many of the last ticks of each instrument are kept; ``ticks_of`` says it for some.
    """

    stream_url: Annotated[str, AfterValidator(_stream_address)]
    stale_seconds: Annotated[float, Field(ge=1, le=3600)]
    ticks_per_symbol: TicksPerSymbol = 20
    ticks_of: dict[str, TicksPerSymbol] = Field(default_factory=dict)


class VendorPlugin(ABC):
    """One vendor. A class of ``brokers/vendors/<kind>/plugin.py`` or of the entry point group ``tradewright.vendors``.

    The module is imported wherever the configuration is read, so libraries are imported inside the methods.
    """

    kind: ClassVar[str]
    settings: ClassVar[type[VendorSettings]]

    @property
    def streams(self) -> bool:
        """Whether the vendor has live data for us."""
        return issubclass(self.settings, StreamSettings)

    def feed(self, settings: Any, clock: Clock) -> Feed:
        """The feed; it has asked nothing yet.

        Raises:
            ConfigError: for a key that is not set, and where the libraries are not installed.
        """
        self._demand_libraries()
        return self.build(settings, clock)

    def live(self, settings: Any, clock: Clock) -> LiveFeed:
        """The live feed; it has made no link yet.

        Raises:
            ConfigError: as :meth:`feed`, and where the vendor has none.
        """
        self._demand_libraries()
        return self.stream(settings, clock)

    def stream(self, settings: Any, clock: Clock) -> LiveFeed:  # noqa: ARG002  # of a vendor without any
        """As :meth:`live`, where the libraries are installed; each vendor with :class:`StreamSettings` has its own."""
        what = f"feed={self.kind} has no live data"
        raise ConfigError(what, where="feed.kind", remedy="take a feed that streams: see docs/data.md")

    def _demand_libraries(self) -> None:
        if any(find_spec(name) is None for name in LIBRARIES):
            what = f"feed={self.kind} needs {' and '.join(LIBRARIES)}, which are not installed"
            raise ConfigError(what, where="feed.kind", remedy="pip install tradewright[vendors]")

    @abstractmethod
    def build(self, settings: Any, clock: Clock) -> Feed:
        """As :meth:`feed`, where the libraries are installed."""


def demanded(key: SecretStr | None, variable: str, kind: str) -> str:
    """A key of a vendor.

    Raises:
        ConfigError: when it is not set, or holds signs that cannot stand in a header; the message does not repeat it.
    """
    text = "" if key is None else key.get_secret_value().strip()
    remedy = f"set {variable} in the environment or in .env, or {variable}_FILE to a file that holds it"
    if not text:
        raise ConfigError(f"feed={kind} needs a key", where=variable, remedy=remedy)
    if not (text.isascii() and text.isprintable()) or " " in text:
        what = "the key has spaces, line ends or other signs that no key has"
        raise ConfigError(what, where=variable, remedy=f"copy it anew, the key alone: {remedy}")
    return text
