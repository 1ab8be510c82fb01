"""Fill, cost and slippage rules as plain functions of numbers, shared by the kernel and the simulated venue."""
