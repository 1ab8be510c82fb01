"""Dagster definitions, thin: fetch, call the domain, return with metadata. Not pictures."""
