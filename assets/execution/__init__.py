"""Intents to fills: the code location ``execution``. It loads neither numba nor vectorbt nor Great Expectations."""
