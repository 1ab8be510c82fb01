"""The user's YAML, its typed schema, and the two steps from files to live objects."""
