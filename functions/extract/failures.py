"""Why a document cannot be indexed, in words that its submitter can act on."""

from typing import Final

SUPPORTED: Final = "PDF, Markdown, reStructuredText, HTML, LaTeX and plain text"


class ExtractionFailed(Exception):
    """The document is at fault, not the service: trying again gives the same answer.

    slug names the kind of problem, title is the same for all of a kind, detail says what was found in this document,
    action says what to do about it.
    """

    def __init__(self, slug: str, title: str, detail: str, action: str) -> None:
        super().__init__(f"{title}: {detail}")
        self.slug = slug
        self.title = title
        self.detail = detail
        self.action = action

    def __reduce__(self) -> tuple[type["ExtractionFailed"], tuple[str, str, str, str]]:
        """Pickle by the four parts, since Exception would pickle the message alone."""
        return type(self), (self.slug, self.title, self.detail, self.action)

    def to_json(self) -> dict[str, str]:
        """Return the four parts."""
        return {"slug": self.slug, "title": self.title, "detail": self.detail, "action": self.action}


class ExtractorUnavailable(Exception):
    """The child process could not be started or was ended from outside: trying again may help."""


_KINDS: Final = {
    "encrypted-pdf": (
        "The PDF is encrypted",
        "Remove the password (for example `qpdf --decrypt in.pdf out.pdf`) and submit the result.",
    ),
    "no-text-layer": (
        "The PDF holds images only",
        "Run OCR first (for example `ocrmypdf in.pdf out.pdf`) and submit the result.",
    ),
    "unreadable-text-layer": (
        "The PDF's text layer has no readable characters",
        "Its fonts lack a character map. Run OCR on it (`ocrmypdf --force-ocr in.pdf out.pdf`) and submit the result.",
    ),
    "corrupt-document": (
        "The document is damaged",
        "Fetch the file again, check that it opens in a viewer, and submit it once more.",
    ),
    "empty-document": ("The document has no text", "Submit a file that has text."),
    "unsupported-format": ("The format is not supported", f"Submit one of: {SUPPORTED}."),
    "too-large": ("The document is too large", "Split the document and submit its parts, each with its own title."),
    "too-slow": (
        "The document took too long to parse",
        "Print it to a new PDF or save it in a simpler format, and submit that.",
    ),
    "unreadable-encoding": ("The text's encoding cannot be told", "Save the file as UTF-8 and submit it once more."),
    "binary-as-text": (
        "The file is not text",
        f"It holds binary data although it was submitted as text. Submit one of: {SUPPORTED}.",
    ),
}


def failure(slug: str, detail: str) -> ExtractionFailed:
    """Make the failure of a known kind."""
    title, action = _KINDS[slug]
    return ExtractionFailed(slug, title, detail, action)
