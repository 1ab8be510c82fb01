"""Many instruments in one account with shared cash."""
