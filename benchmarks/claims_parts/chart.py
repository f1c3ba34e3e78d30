"""The figures as one SVG picture of horizontal bars: no script, no font of its own, readable on light and dark."""

from html import escape

from .report import Bars

_WIDTH, _LEFT, _RIGHT, _ROW, _TITLE = 860, 330, 120, 22, 44
_FONT = 'font-family="system-ui, sans-serif" font-size="13"'
_OURS, _OTHERS, _INK = "#2f6fed", "#9aa3af", "#6b7280"


def svg(groups: list[Bars], caption: str) -> str:
    """Draw groups of bars, each with its own scale, in an SVG document."""
    shown = [group for group in groups if group.values]
    height = 50 + sum(_TITLE + _ROW * len(group.values) for group in shown)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" {_FONT}>',
        f"<title>{escape(caption)}</title>",
        f'<text x="0" y="18" fill="{_INK}">{escape(caption)}</text>',
    ]
    top = 36
    for group in shown:
        lines += _group(group, top)
        top += _TITLE + _ROW * len(group.values)
    return "\n".join([*lines, "</svg>", ""])


def _group(group: Bars, top: int) -> list[str]:
    most = max(value for _, value, _ in group.values) or 1.0
    room = _WIDTH - _LEFT - _RIGHT
    lines = [f'<text x="0" y="{top + 24}" fill="{_INK}" font-weight="bold">{escape(group.title)}</text>']
    for number, (label, value, ours) in enumerate(group.values):
        y = top + _TITLE - 8 + _ROW * number
        wide = max(1.0, room * value / most)
        color = _OURS if ours else _OTHERS
        lines += [
            f'<text x="{_LEFT - 8}" y="{y + 13}" fill="{_INK}" text-anchor="end">{escape(label)}</text>',
            f'<rect x="{_LEFT}" y="{y}" width="{wide:.1f}" height="{_ROW - 6}" fill="{color}"/>',
            f'<text x="{_LEFT + wide + 6:.1f}" y="{y + 13}" fill="{_INK}">{_number(value)} {escape(group.unit)}</text>',
        ]
    return lines


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3g}"
