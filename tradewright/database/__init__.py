"""SQL databases: engines with durable commits, exact column types, migrations."""
