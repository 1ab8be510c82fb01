"""Typed functions that the command line, the served apps and the tests all call."""
