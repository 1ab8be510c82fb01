"""The words of the platform: frozen values, the ports that others fill, table schemas, canonical JSON and hashes."""
