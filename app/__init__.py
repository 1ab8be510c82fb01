"""The entrance: the command line, the served apps, and the operations that both call."""
