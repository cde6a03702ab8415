"""From a file's bytes to its text, one module per format."""
