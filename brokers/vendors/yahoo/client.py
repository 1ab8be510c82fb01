"""The session of yfinance, which Yahoo lets in, under the pace, the repetition and the bounds of every client."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from yfinance.data import YfData
from yfinance.exceptions import YFException, YFRateLimitError

from brokers.vendors.http_client import PATIENCE, HttpClient, Reply, Transient
from brokers.vendors.unreachable import REMEDY, cannot_be_reached

logging.getLogger("yfinance").setLevel(logging.CRITICAL)  # what it could not do is told by our own errors


class YahooClient(HttpClient):
    """Asks Yahoo. The library looks after cookies, crumbs and what a browser would say; its tables are not used."""

    def exchange(self, address: str, parameters: Mapping[str, str | int]) -> Reply:
        """One request, which the library makes twice where it was refused.

        Raises:
            Transient, VendorError: as :meth:`HttpClient.exchange`.
        """
        try:
            answer = YfData().get(address, params=dict(parameters), timeout=int(self.patience))
        except YFRateLimitError:
            raise Transient("it answers 429: asked too often", PATIENCE) from None
        except (YFException, OSError) as error:  # errors of curl and of requests are OSErrors
            raise Transient(cannot_be_reached(error), remedy=REMEDY) from None
        headers = {str(name).title(): str(value) for name, value in answer.headers.items()}
        return Reply(answer.status_code, str(answer.reason or ""), headers, self.bounded(answer.content))
