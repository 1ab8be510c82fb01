"""The commands of the command line, by what they are about. Heavy libraries are imported inside the commands."""
