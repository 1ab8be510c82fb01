"""The evaluation of a backtest: metrics, ranked findings, the risk report."""
