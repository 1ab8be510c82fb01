"""The commands of the command line, by subject. Heavy libraries are imported inside the commands."""
