"""The evaluation of a backtest: metrics, ranked findings, the statistics of luck, the verdict, the risk report."""
