"""Scripts that measure: us and the peer side by side, the start of each command, how cost grows."""
