"""Foreign files read into bars tables: CSV, Parquet, feather, LEAN zips."""
