"""How much a single document may ask of the machine."""

from dataclasses import asdict, dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one extraction, enforced by the kernel on the child process where it can.

    memory_bytes: address space; 1 GiB is three times what the largest real document of the corpus took.
    cpu_s, wall_s: a 3000-page book takes about a minute, so two and three are generous.
    text_chars: characters of extracted text; a long textbook has three million.
    body_bytes: size of the file itself, the same as the upload limit.
    pages: PDF pages; more than that is a collection of documents.
    """

    memory_bytes: int = 1024 * MIB
    cpu_s: int = 120
    wall_s: float = 180.0
    text_chars: int = 10_000_000
    body_bytes: int = 64 * MIB
    pages: int = 3000

    def to_json(self) -> dict[str, int | float]:
        """Return a dict of plain JSON values."""
        return asdict(self)
