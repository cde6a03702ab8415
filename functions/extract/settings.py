"""Settings of the extract function."""

from pathlib import Path

from pydantic import Field

from shared.settings import Settings, UnusableSetting


class ExtractSettings(Settings):
    """Limits of one document and the size of the batches handed to embed."""

    # The passages of one embed event: about a second of work, well under the delivery timeout.
    passages_per_event: int = Field(default=32, ge=1, le=1000)
    # What one parser may use; a 900-page book takes about 300 MB and 40 s.
    parse_memory_bytes: int = Field(default=2**30, gt=0)
    parse_timeout_s: float = Field(default=180.0, gt=0)
    max_pages: int = Field(default=3000, gt=0)

    def tokenizer(self) -> Path:
        """Return the tokenizer of the embedder, whose limit the passages must fit."""
        return self.research_kb_home / "models" / self.embedder_model / "tokenizer.json"

    def check_tokenizer(self) -> None:
        """Raise UnusableSetting unless the embedder's tokenizer is there; it is not read."""
        path = self.tokenizer()
        if not path.is_file():
            raise UnusableSetting(
                f"EMBEDDER_MODEL is {self.embedder_model}, and its tokenizer {path.resolve()} is missing: mount the "
                f"folder that `research-kb models pull` makes at {path.parent.resolve()}, or copy it into the image "
                "(docs/operate.md, Change the model)."
            )
