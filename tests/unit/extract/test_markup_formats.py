"""Markdown, reStructuredText, HTML and LaTeX: structure kept, markup gone."""

import pytest

from functions.extract.document import Extracted
from functions.extract.limits import Limits
from functions.extract.parsers import detection

MARKDOWN = """---
title: "A title: with a colon"
authors:
  - name: Ann Alpha
    affiliation: 1
  - name: Bo Beta
date: 3 May 2021
---

# Introduction {#intro}

Some *emphasis*, a [link](http://example.org/x), math $a_i^2$ and `code`[^1].

$$
\\tau = E[Y(1)]
$$

1. first
2. second
   - inner

| a | b |
|---|---|
| 1 | 2 |

```python
x = 1
```

![A figure of things](fig.png)

## References

Alpha, A. (1999). On things.

[^1]: The footnote.
"""

RST = """.. _top:

=====
Title
=====

First
-----

See :math:`x^2` and `the site <http://example.org>`_.

.. math::

    y = x^2

.. image:: a.png
   :align: center

.. note:: Mind the gap.

Second
------

Text::

    code = 1
"""

HTML = """<!doctype html><html><head><title>On Trees | Journal</title>
<meta name="citation_title" content="On Trees"><meta name="citation_author" content="Ann Alpha">
<meta name="citation_author" content="Bo Beta"><meta name="citation_publication_date" content="2019/05/01">
<meta name="citation_doi" content="10.1000/trees"><style>p {}</style></head>
<body><nav>Home About</nav><script>var x = "hidden";</script><h1>On Trees</h1>
<h2>Leaves</h2><p>Green &amp; <b>soft</b><d-footnote>A note.</d-footnote>, with <d-math>x^2</d-math>.</p>
<ul><li>one<ul><li>inner</li></ul></li><li>two</li></ul>
<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>
<pre>x = 1
y = 2</pre><div style="display: none">unseen</div><figure><figcaption>A leaf.</figcaption></figure>
<footer>Imprint</footer></body></html>"""

LATEX = r"""\documentclass{article}
\title{On \emph{Trees}} \author{Ann Alpha\thanks{x} \and Bo Beta \\ University}
\date{May 2018}
\newcommand{\foo}[1]{never shown #1}
\begin{document}
\maketitle
\begin{abstract} We study trees. % a comment
\end{abstract}
\section{Leaves}\label{sec:leaves}
Costs 50\% more \citep{Alpha1999}, see \textbf{Section}~\ref{sec:leaves} with $x^2$.

\begin{equation} y = x^2 \label{eq:1} \end{equation}
\begin{itemize} \item one \item two \end{itemize}
\begin{table}\caption{A table.}\begin{tabular}{lr} a & b \\ \hline 1 & 2 \\ \end{tabular}\end{table}
<<chunk, echo=TRUE>>=
x <- 1 % 2
@
\begin{thebibliography}{9}
\bibitem{a} Alpha, A. (1999). On things.
\end{thebibliography}
\end{document}
"""


def parse(text: str, media_type: str) -> Extracted:
    return detection.parse(text.encode(), media_type, None, Limits())


def kinds(extracted: Extracted) -> dict[str, str]:
    """Return the first block of each kind."""
    found: dict[str, str] = {}
    for block in extracted.blocks:
        found.setdefault(block.kind, extracted.text[block.start : block.end])
    return found


def test_markdown_keeps_structure_and_drops_markup() -> None:
    """Front matter, headings, math, lists, tables, code, captions, footnotes and references."""
    extracted = parse(MARKDOWN, "text/markdown")
    found = kinds(extracted)
    assert (extracted.title, extracted.authors, extracted.year) == (
        "A title: with a colon",
        ("Ann Alpha", "Bo Beta"),
        2021,
    )
    assert found["heading"] == "Introduction"
    assert found["paragraph"] == "Some emphasis, a link, math $a_i^2$ and code."
    assert r"\tau = E[Y(1)]" in found["equation"]
    assert found["list"] == "1. first\n2. second\n  - inner"
    assert found["table"] == "a | b\n1 | 2"
    assert found["code"] == "x = 1"
    assert found["caption"] == "A figure of things"
    assert found["reference"] == "Alpha, A. (1999). On things."
    assert "The footnote." in extracted.text
    assert "example.org" not in extracted.text


def test_restructured_text_is_known_by_its_directives() -> None:
    """Headings by adornment, roles, links and directives, even when it is called Markdown."""
    extracted = parse(RST, "text/markdown")
    headings = [extracted.text[block.start : block.end] for block in extracted.blocks if block.kind == "heading"]
    assert extracted.media_type == "text/x-rst"
    assert headings == ["Title", "First", "Second"]
    assert extracted.title == "Title"
    assert "See $x^2$ and the site." in extracted.text
    assert "y = x^2" in kinds(extracted)["equation"]
    assert "Mind the gap." in extracted.text
    assert kinds(extracted)["code"] == "code = 1"
    assert ".. " not in extracted.text


def test_html_keeps_the_article_and_its_metadata() -> None:
    """Navigation, scripts, hidden parts and footers go; footnotes follow their paragraph; formulas stay."""
    extracted = parse(HTML, "text/html")
    found = kinds(extracted)
    assert (extracted.title, extracted.authors, extracted.year) == ("On Trees", ("Ann Alpha", "Bo Beta"), 2019)
    assert extracted.doi == "10.1000/trees"
    assert found["paragraph"] == "Green & soft, with $x^2$."
    assert found["list"] == "- one\n  - inner\n- two"
    assert found["table"] == "a | b\n1 | 2"
    assert found["code"] == "x = 1\ny = 2"
    assert found["caption"] == "A leaf."
    assert "A note." in extracted.text
    assert not any(word in extracted.text for word in ("Home", "hidden", "unseen", "Imprint"))
    assert {block.section for block in extracted.body()} == {("Leaves",)}


def test_latex_keeps_structure_and_drops_macros() -> None:
    """Title, authors, abstract, sections, formulas, lists, tables, Sweave chunks and the bibliography."""
    extracted = parse(LATEX, "text/x-tex")
    found = kinds(extracted)
    assert (extracted.title, extracted.authors, extracted.year) == ("On Trees", ("Ann Alpha", "Bo Beta"), 2018)
    assert extracted.abstract == "We study trees."
    assert "Costs 50% more (Alpha1999), see Section sec:leaves with $x^2$." in extracted.text
    assert found["equation"] == "y = x^2"
    assert found["list"] == "- one\n- two"
    assert found["table"] == "a | b\n1 | 2"
    assert found["caption"] == "A table."
    assert found["code"] == "x <- 1 % 2"
    assert "Alpha, A. (1999)" in found["reference"]
    assert not any(word in extracted.text for word in ("never shown", "a comment", "\\"))


@pytest.mark.parametrize(
    ("content", "media_type", "filename", "expected"),
    [
        (HTML, "text/plain", "a.txt", "text/html"),
        (HTML, "text/markdown", None, "text/html"),
        (LATEX, "text/plain", None, "text/x-tex"),
        ("# Title\n\nText.", "application/octet-stream", None, "text/markdown"),
        ("# Title\n\nText.", "text/plain", "notes.md", "text/markdown"),
        ("# not a heading", "text/plain", None, "text/plain"),
        ("Just words.", "application/octet-stream", "a.bin", "text/plain"),
        ("x < 1 and y > 2 </p>" + "word " * 300, "text/plain", None, "text/plain"),
    ],
)
def test_content_decides_before_names(content: str, media_type: str, filename: str | None, expected: str) -> None:
    """What the content shows beyond doubt wins over media type and file name, and they over a guess."""
    assert detection.parse(content.encode(), media_type, filename, Limits()).media_type == expected
