"""Draw the pictures of the developer pages: ``python docs/make_architecture.py``.

SVG by hand: boxes with a title and a line below it, in rows.
"""

from html import escape
from pathlib import Path

IMAGES = Path(__file__).parent / "images"
WIDTH, MARGIN, GAP, HEIGHT = 860, 20, 14, 58
INK, MUTED = "#1f2933", "#52606d"

#: From the top: what users see first. The colour of a row, then its boxes.
LAYERS = (
    ("#fdf3d8", (("cli", "spectral-fast search, predict, …"),)),
    (
        "#fbe3d6",
        (("report", "HTML report, ranking, regression vector"), ("dropin", "patches applications")),
    ),
    (
        "#e3ecf9",
        (
            ("model_selection", "the search: plan, families, journal"),
            ("persistence", "model files"),
        ),
    ),
    ("#d6ebe6", (("feature_selection", "SPA, UVE, MCUVE, UVESPA, IntervalPLS, CARS, VIP, …"),)),
    (
        "#d6ebe6",
        (
            ("preprocessing", "SNV, MSC, Savitzky-Golay"),
            ("cross_decomposition", "PLS, PLS-CV, PLS-DA"),
            ("boosting", "three libraries"),
            ("tables", "CSV, Parquet"),
        ),
    ),
    (
        "#e4e0f3",
        (
            ("kernels", "compiled array functions: NumPy and Numba only"),
            ("datasets", "bundled and simulated spectra"),
        ),
    ),
)
SEARCH = (
    ("grid", "names, estimators"),
    ("plan", "equal work, once"),
    ("tasks", "one thread each"),
    ("predictions", "held out, of all"),
    ("figures", "RMSECV, rank"),
    ("pipeline", "the best, fitted"),
)


def box(x: float, y: float, width: float, colour: str, title: str, text: str) -> str:
    """Return a box with its two lines of text."""
    middle = x + width / 2
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{HEIGHT}" rx="8" fill="{colour}"/>'
        f'<text x="{middle:g}" y="{y + 25:g}" class="title">{escape(title)}</text>'
        f'<text x="{middle:g}" y="{y + 44:g}" class="text">{escape(text)}</text>'
    )


def arrow(x: float, y: float, dx: float, dy: float) -> str:
    """Return an arrow."""
    return (
        f'<path d="M{x:g} {y:g}l{dx:g} {dy:g}" stroke="{MUTED}" stroke-width="2" '
        'marker-end="url(#head)"/>'
    )


def row(y: float, colour: str, boxes: tuple[tuple[str, str], ...], left: float) -> str:
    """Return boxes of a row, as wide as their texts ask for."""
    lengths = [max(1.35 * len(title), len(text)) + 3 for title, text in boxes]
    room = WIDTH - left - MARGIN - GAP * (len(boxes) - 1)
    x, parts = left, []
    for (title, text), length in zip(boxes, lengths, strict=True):
        width = room * length / sum(lengths)
        parts.append(box(round(x, 1), y, round(width, 1), colour, title, text))
        x += width + GAP
    return "\n".join(parts)


def picture(height: float, title: str, parts: list[str]) -> str:
    """Return an SVG picture on white, which it needs on a dark page."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
            f'width="{WIDTH}" height="{height:g}" role="img" font-family="Helvetica, Arial, '
            f'sans-serif" text-anchor="middle"><title>{escape(title)}</title>',
            f"<style>.title{{font-size:16px;font-weight:600;fill:{INK}}}"
            f".text{{font-size:12.5px;fill:{MUTED}}}</style>",
            '<defs><marker id="head" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0 0L10 5L0 10z" fill="{MUTED}"/>'
            "</marker></defs>",
            f'<rect width="{WIDTH}" height="{height:g}" rx="10" fill="#ffffff"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


def draw_layers() -> str:
    """Return the layers of the package, and what they are built on."""
    left, step = 80, HEIGHT + GAP
    rows = [
        row(MARGIN + step * place, colour, boxes, left)
        for place, (colour, boxes) in enumerate(LAYERS)
    ]
    bottom = MARGIN + step * len(LAYERS)
    down = arrow(MARGIN + 26, MARGIN + 40, 0, bottom - GAP - MARGIN - 48)
    label = f'<text x="{MARGIN + 26}" y="{MARGIN + 20}" class="text">imports</text>'
    ground = (
        f'<text x="{(left + WIDTH - MARGIN) / 2:g}" y="{bottom + 14}" class="text">'
        "built on NumPy, Numba, SciPy, scikit-learn, pandas and joblib</text>"
    )
    return picture(bottom + 34, "Layers of the package", [label, down, *rows, ground])


def draw_search() -> str:
    """Return the way from the grid to the fitted pipeline, with what lies under it."""
    gap = 26
    width = (WIDTH - 2 * MARGIN - gap * (len(SEARCH) - 1)) / len(SEARCH)
    parts = []
    for place, (title, text) in enumerate(SEARCH):
        x = MARGIN + place * (width + gap)
        colour = "#d6ebe6" if title == "tasks" else "#e3ecf9"
        parts.append(box(round(x, 1), MARGIN, round(width, 1), colour, title, text))
        if place:
            parts.append(arrow(x - gap + 4, MARGIN + HEIGHT / 2, gap - 7, 0))
    below, middle, wide = MARGIN + HEIGHT + 44, MARGIN + 2 * (width + gap) + width / 2, 260
    for place, (title, text, colour) in enumerate(
        (
            ("workers", "joblib: processes, threads, Dask, Ray", "#e4e0f3"),
            ("journal", "what is finished, on disk", "#fdf3d8"),
        )
    ):
        x = middle + (place - 1) * wide + (place - 0.5) * GAP
        parts.append(box(round(x, 1), below, wide, colour, title, text))
        parts.append(arrow(middle, below - 40, (place - 0.5) * 150, 36))
    return picture(below + HEIGHT + MARGIN, "What a search does", parts)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name, draw in (("architecture", draw_layers), ("search", draw_search)):
        (IMAGES / f"{name}.svg").write_text(draw(), encoding="utf-8")
