"""The values of the platform: frozen models, the ports that others fill, table schemas, canonical JSON and hashes."""
