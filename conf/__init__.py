"""The user's YAML, its typed schema, and the step from files to frozen settings."""
