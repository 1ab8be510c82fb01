"""Interactive Brokers: the adapter over ``ib_async`` and the bundled gateway simulator."""
