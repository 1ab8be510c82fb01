"""The one road to a venue: claim, write ahead, send once, reconcile."""
