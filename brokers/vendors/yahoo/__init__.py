"""Yahoo's free prices of stocks, funds, indices and crypto, through the session of yfinance."""
