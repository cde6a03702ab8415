"""The few kinds of panel that the boards are made of, and a board of rows of them."""

from __future__ import annotations

from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.builders import prometheus as queries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as shapes
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement, VizOrientation

DATASOURCE = shapes.DataSourceRef(type_val="prometheus", uid="${datasource}")
GRAPH_HEIGHT, NUMBER_HEIGHT = 8, 4
WIDTH = 24
"""Grafana's grid has 24 columns."""

Panel = timeseries.Panel | stat.Panel


@dataclass(frozen=True, slots=True)
class Line:
    """One PromQL expression and the name of its series; `{{label}}` in the name is that label's value."""

    expression: str
    name: str


def graph(title: str, description: str, unit: str, *lines: Line, stacked: bool = False) -> timeseries.Panel:
    """Return lines over time; `unit` is a unit id of Grafana's (s, reqps, short, percentunit, bytes)."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .min(0)
        .fill_opacity(20 if stacked else 5)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode("normal"))  # type: ignore[arg-type]  # its enum's value
    for line in lines:
        panel = panel.with_target(queries.Dataquery().expr(line.expression).legend_format(line.name))
    return panel


def number(title: str, description: str, unit: str, expression: str, *, warn: float, alarm: float) -> stat.Panel:
    """Return one figure, coloured by two bounds; warn > alarm means that low values are the bad ones."""
    low_is_bad = warn > alarm
    colors = ("red", "orange", "green") if low_is_bad else ("green", "orange", "red")
    bounds = (None, alarm, warn) if low_is_bad else (None, warn, alarm)
    steps = [shapes.Threshold(value=bound, color=color) for bound, color in zip(bounds, colors, strict=True)]
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .orientation(VizOrientation.AUTO)
        .no_value("no traffic")
        .thresholds(dashboards.ThresholdsConfig().mode(shapes.ThresholdsMode.ABSOLUTE).steps(steps))
        .with_target(queries.Dataquery().expr(expression).instant())
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A heading with its panels, which share the width evenly."""

    title: str
    panels: tuple[Panel, ...]


def board(slug: str, title: str, description: str, *rows: Row) -> str:
    """Return a dashboard as Grafana's JSON; its uid is research-kb-`slug`."""
    builder = (
        dashboards.Dashboard(title)
        .uid(f"research-kb-{slug}")
        .description(description)
        .tags(["research-kb"])
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .readonly()
        .with_variable(dashboards.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .link(dashboards.DashboardLink("research-kb").type(shapes.DashboardLinkType.DASHBOARDS).tags(["research-kb"]))
    )
    for row in rows:
        builder = builder.with_row(dashboards.Row(row.title))
        for panel in row.panels:
            height = GRAPH_HEIGHT if isinstance(panel, timeseries.Panel) else NUMBER_HEIGHT
            builder = builder.with_panel(panel.height(height).span(WIDTH // len(row.panels)))
    return JSONEncoder(sort_keys=True, indent=2).encode(builder.build()) + "\n"
