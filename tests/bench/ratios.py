"""A picture of the table: for each row Faultline's figure as a part of the peer's, on a logarithmic scale."""

import math

WIDTH, LEFT, RIGHT, STEP, TOP = 860, 170, 30, 18, 66
LEAST, MOST = 0.01, 4.0
FIGURES = (("kernel", "#1f77b4", "the kernel's instructions"), ("vcpu", "#d62728", "processor time"),
           ("pages", "#2ca02c", "pages transferred"), ("requests", "#9467bd", "requests to the disk"))
MARKS = ((1 / 3, "1/3"), (1 / 2, "1/2"), (1.0, "1"))


def place(ratio: float) -> float:
    """Where a ratio stands, from left to right; what is off the scale stands at its end."""
    part = math.log(min(max(ratio, LEAST), MOST) / LEAST) / math.log(MOST / LEAST)
    return LEFT + part * (WIDTH - LEFT - RIGHT)


def row(ours: dict, theirs: dict, y: float) -> list[str]:
    """A name, a line across, and a dot a figure that the peer has at all."""
    lines = [f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{ours["name"]}</text>',
             f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#eee"/>']
    for name, colour, _ in FIGURES:
        if theirs[name] > 0.0005:
            lines.append(f'<circle cx="{place(ours[name] / theirs[name]):.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
    return lines


def svg(results: dict, peer: str) -> str:
    """All rows of all sizes of memory."""
    lines, y = [], TOP + 14.0
    for size, systems in results.items():
        if not size.endswith("MiB"):
            continue
        lines.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" font-weight="bold">{size}</text>')
        y += STEP
        for ours, theirs in zip(systems["faultline"], systems[peer]):
            lines += row(ours, theirs, y)
            y += STEP
    for ratio, name in MARKS:
        x = place(ratio)
        lines.append(f'<path d="M{x:.1f} {TOP}V{y}" stroke="#888" stroke-dasharray="3 3"/>'
                     f'<text x="{x:.1f}" y="{TOP - 6}" text-anchor="middle">{name}</text>')
    x = LEFT
    for _, colour, title in FIGURES:
        lines.append(f'<circle cx="{x}" cy="36" r="4" fill="{colour}"/><text x="{x + 8}" y="40">{title}</text>')
        x += 30 + 7 * len(title)
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 10:.0f}" font-family="sans-serif" '
            f'font-size="12"><rect width="100%" height="100%" fill="#fff"/><text x="{LEFT}" y="18">Faultline as a part '
            f'of {peer.capitalize()}: left of 1 is less</text>')
    return head + "\n".join(lines) + "</svg>\n"
