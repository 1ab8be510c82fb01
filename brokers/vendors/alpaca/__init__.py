"""Alpaca's prices of stocks and funds of the United States."""
