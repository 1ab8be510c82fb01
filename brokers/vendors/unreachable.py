"""Why a vendor could not be reached, in words of ours: those of the libraries name their own parts and pages."""

from __future__ import annotations

REMEDY = (
    "see whether this machine reaches the network (cable, VPN, proxy, firewall), then try again; what was stored stays"
)

_TOLD = (
    (("resolve", "name or service", "getaddrinfo", "nodename", "name resolution"),
     "the name of its host is not found: there is no network, or no name server answers"),
    (("certificate", "ssl", "tls"), "its certificate is not accepted: something in between may read the connection"),
    (("proxy",), "the proxy does not let us through"),
    (("refused",), "nothing answers there: the connection is refused"),
    (("unreachable", "no route"), "there is no way to it from this machine"),
    (("attempts failed", "not connect", "to connect"), "no connection could be made"),
    (("timed out", "timeout"), "it did not answer in time"),
)  # fmt: skip
"""Words of an error, and what is told for them; the first that fits."""


def cannot_be_reached(error: Exception) -> str:
    """What is told of an error of a connection; the kind of one that is not known is named."""
    said = f"{type(error).__name__} {error}".lower()
    found = (told for words, told in _TOLD if any(word in said for word in words))
    reason = next(found, f"the connection broke off ({type(error).__name__})")
    return f"it cannot be reached: {reason}"
