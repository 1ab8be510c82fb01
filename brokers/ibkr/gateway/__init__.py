"""A simulator of the IB gateway that speaks the TWS wire protocol on loopback, and breaks on demand."""
