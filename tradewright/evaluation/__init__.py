"""What a backtest was worth: metrics, ranked findings, the risk report."""
