"""Scripts that measure: us and the peer side by side, the start of each command, how cost grows."""

import os
import tempfile

if "TRADEWRIGHT_KEYS" not in os.environ:  # the keys of ledgers of benchmarks are none of a person's
    _KEYS = tempfile.TemporaryDirectory(prefix="keys")
    os.environ["TRADEWRIGHT_KEYS"] = _KEYS.name
