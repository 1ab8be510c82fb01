"""Fill rules, costs, slippage, sizing, the fused kernel, its plain reference, sweeps and the result cache."""
