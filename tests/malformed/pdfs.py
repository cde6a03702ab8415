"""Malformed PDFs, written object by object."""

import zlib
from functools import lru_cache
from io import BytesIO

from fpdf import FPDF

MIB = 1024 * 1024


@lru_cache(maxsize=1)
def good(pages: int = 3) -> bytes:
    """Return a well-formed PDF with text on every page."""
    pdf = FPDF()
    pdf.set_font("Helvetica", size=11)
    for number in range(pages):
        pdf.add_page()
        pdf.multi_cell(0, 6, f"Page {number + 1}. " + "The estimator is consistent under mild conditions. " * 30)
    return bytes(pdf.output())


def assemble(objects: list[bytes], trailer: bytes = b"/Root 1 0 R") -> bytes:
    """Return a PDF of the objects, numbered from 1, with a correct cross-reference table."""
    out = BytesIO()
    out.write(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n" % number + body + b"\nendobj\n")
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % offset for offset in offsets)
    out.write(b"trailer\n<</Size %d %s>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start))
    return out.getvalue()


def stream(content: bytes, dictionary: bytes = b"") -> bytes:
    """Return a stream object."""
    return b"<</Length %d %s>>stream\n" % (len(content), dictionary) + content + b"\nendstream"


def with_content(content: bytes, dictionary: bytes = b"", resources: bytes = b"") -> bytes:
    """Return a PDF of one page that draws the content."""
    font = b"/Font<</F 5 0 R>>"
    return assemble(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<<" + font + resources + b">>>>",
            stream(content, dictionary),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        ]
    )


def encrypted(method: str = "RC4") -> bytes:
    """Return a PDF that opens with a password only."""
    from fpdf.enums import EncryptionMethod

    pdf = FPDF()
    pdf.set_encryption("owner", "secret", encryption_method=EncryptionMethod[method])
    pdf.add_page()
    pdf.set_font("Helvetica", size=11)
    pdf.cell(text="Nobody reads this.")
    return bytes(pdf.output())


def images_only(pages: int) -> bytes:
    """Return a PDF whose pages are pictures, as a scanner makes them."""
    kids = b" ".join(b"%d 0 R" % (4 + page) for page in range(pages))
    picture = stream(
        bytes(64 * 64), b"/Type/XObject/Subtype/Image/Width 64/Height 64/ColorSpace/DeviceGray/BitsPerComponent 8"
    )
    draw = stream(b"q 500 0 0 700 50 50 cm /I Do Q")
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents %d 0 R/Resources<</XObject<</I 3 0 R>>>>>>"
    return assemble(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[" + kids + b"]/Count %d>>" % pages,
            picture,
            *[page % (4 + pages) for _ in range(pages)],
            draw,
        ]
    )


def deflate_bomb(size_bytes: int) -> bytes:
    """Return a PDF whose page content inflates to size_bytes of text operators from a thousandth of that."""
    unit = b"BT /F 9 Tf 10 10 Td (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa) Tj ET\n"
    block = unit * (MIB // len(unit))
    return with_content(_deflated(block, size_bytes // len(block)), b"/Filter/FlateDecode")


def _deflated(block: bytes, times: int) -> bytes:
    """Return what inflates to the block so many times over, made from compressing it twice."""
    packer = zlib.compressobj(9)
    first = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + again * (times - 1) + packer.flush()


def nested_bomb(size_bytes: int, layers: int) -> bytes:
    """Return a PDF whose content is deflated several times over."""
    content = _deflated(bytes(MIB), size_bytes // MIB)
    for _ in range(layers - 1):
        content = zlib.compress(content, 9)
    return with_content(content, b"/Filter[" + b"/FlateDecode " * layers + b"]")


def recursive_form() -> bytes:
    """Return a PDF with two forms that draw each other."""
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</A 4 0 R/B 5 0 R>>>>"
    return assemble(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 6 0 R/Resources<</XObject<</A 4 0 R>>>>>>",
            stream(b"/B Do", form),
            stream(b"/A Do", form),
            stream(b"/A Do"),
        ]
    )


def looping_pages() -> bytes:
    """Return a PDF whose page tree contains itself."""
    return assemble([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"])


def no_pages() -> bytes:
    """Return a PDF without pages."""
    return assemble([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"])


def many_pages(count: int) -> bytes:
    """Return a PDF that has the same empty page many times."""
    kids = b" ".join(b"3 0 R" for _ in range(count))
    return assemble(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[" + kids + b"]/Count %d>>" % count,
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]>>",
        ]
    )


def unmapped_font() -> bytes:
    """Return a PDF whose only characters are from the private use area."""
    mapping = (
        b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <ff> endcodespacerange "
        b"1 beginbfrange <20> <7e> <e020> endbfrange endcmap end"
    )
    return assemble(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
            stream(b"BT /F 12 Tf 72 700 Td (This cannot be read by anyone at all, in no way.) Tj ET"),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>",
            stream(mapping),
        ]
    )
