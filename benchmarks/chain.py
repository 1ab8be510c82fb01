"""How long the audit of a ledger's chain of events takes: ``python -m benchmarks.chain``.

There is no peer beside it: none of them chains its facts. At most 10 seconds for 100,000 events: a person waits for it.
"""

from __future__ import annotations

import tempfile
import time
from decimal import Decimal

from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import SystemClock

EVENTS = 100_000
MOST_SECONDS = 10.0


def main() -> int:
    """Write the events, verify them, print the time; 1 when it took longer than the bar allows."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.create(f"sqlite:///{folder}/ledger.sqlite3", SystemClock())
        with ledger.transaction():
            for number in range(EVENTS):
                ledger.equity.mark("account", Decimal(number), Decimal(1))
        began = time.perf_counter()
        verified = ledger.events.verify_chain()
        seconds = time.perf_counter() - began
    print(f"{verified} events verified in {seconds:.2f} s (at most {MOST_SECONDS:g} s)")
    return int(seconds > MOST_SECONDS)


if __name__ == "__main__":
    raise SystemExit(main())
