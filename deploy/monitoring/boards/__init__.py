"""One module a board; each has `build() -> str`, the board's JSON."""
