"""The hours of markets: sessions, holidays and half days."""
