"""Sizing, the fused kernel, sweeps, the result cache and the report by vectorbt."""
