"""marimo apps: widgets in, plain values, one call, a chart."""
