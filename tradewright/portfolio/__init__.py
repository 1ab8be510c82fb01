"""From signals to sized intents."""
