"""Scripts that measure us and the peer side by side and print the ratio."""
