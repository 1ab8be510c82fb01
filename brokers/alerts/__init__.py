"""Where alerts go: a file, a webhook."""
