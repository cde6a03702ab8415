"""`python -m cli` is `research-kb`."""

from cli.main import app

app(prog_name="research-kb")
