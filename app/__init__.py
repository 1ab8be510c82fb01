"""The way in: the command line, the served apps, and the operations both call."""
