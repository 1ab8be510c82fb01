"""What the platform remembers that is no money: the trials of research, the saved versions of strategies."""
