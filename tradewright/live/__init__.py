"""Live data: links that are made again, ticks made into bars, and what arrives written where history is."""
