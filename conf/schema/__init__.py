"""The typed form of every YAML file; defaults live in the YAML, so that a reader sees every value in force."""
