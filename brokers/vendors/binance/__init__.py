"""Binance's prices of crypto on its spot market."""
