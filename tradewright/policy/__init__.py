"""The gate: a pure function from intent, snapshot and limits to a decision with coded reasons."""
