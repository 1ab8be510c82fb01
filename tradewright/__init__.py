"""The domain: plain Python that knows nothing of Dagster, Hydra, marimo or any venue's library."""
