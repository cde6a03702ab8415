"""One module per command or group of commands; each loads what it needs when it runs."""
