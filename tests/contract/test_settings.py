"""docs/configuration.md lists every setting, and no other."""

import re
from pathlib import Path

from pydantic_settings import BaseSettings

from events.aws.settings import LambdaSettings
from events.bridge.settings import BridgeSettings
from functions.extract.settings import ExtractSettings
from functions.ingest.settings import IngestSettings
from functions.refresh.settings import RefreshSettings
from functions.search.settings import SearchSettings

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
CLASSES: list[type[BaseSettings]] = [
    BridgeSettings, ExtractSettings, IngestSettings, LambdaSettings, RefreshSettings, SearchSettings,
]  # fmt: skip
# Read by programs that are no functions: the stack, the command line, the models, the tests.
ELSEWHERE = {"PORT", "LISTEN", "PYTHON", "RESEARCH_KB_URL", "RESEARCH_KB_API_KEY", "RESEARCH_KB_TEST_DATA",
             "HF_ENDPOINT", "HF_TOKEN", "PG_BIN"}  # fmt: skip


def test_the_page_lists_every_setting_and_no_other() -> None:
    """What the page names is what the code reads."""
    settings = {name.upper() for each in CLASSES for name in each.model_fields}
    first_cells = re.findall(r"^\| (`[A-Z][^|]*) \|", PAGE, flags=re.M)
    listed = {name for cell in first_cells for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", cell)}
    assert listed == settings | ELSEWHERE
