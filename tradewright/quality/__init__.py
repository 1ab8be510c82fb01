"""Checks over tables: the Pandera contract, gaps and quirks, expectation suites."""
