"""OANDA's v20 prices of currencies, metals and contracts for difference."""
