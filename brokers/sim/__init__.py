"""The simulated venue: a small, honest market in memory that survives its clients."""
