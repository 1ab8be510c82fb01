"""Strategies as documents: grammar, types, static checks, the intermediate representation, and code for the engine."""
