"""Research on stored bars: refresh, studies, sweeps, signals, look-ahead. Functions over objects, no settings."""
