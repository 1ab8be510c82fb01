# /// script
# [tool.marimo.display]
# theme = "system"
# ///
import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Tradewright: quality of bars")

with app.setup:
    import marimo as mo


@app.cell(hide_code=True)
def _():
    mo.vstack([mo.md("# Quality of bars")])
    return


@app.cell
def _():
    mo.output.replace(mo.md("Reading the bars ..."))  # the imports below take seconds in a new server
    from app.operations import html_pieces, monitor_view, quality_acts, quality_view
    from conf.environment import environment_overrides

    mo.output.clear()
    return environment_overrides, html_pieces, monitor_view, quality_acts, quality_view


@app.cell
def _(environment_overrides, monitor_view):
    settings, problem = monitor_view.opened(environment_overrides())
    mo.stop(bool(problem), mo.callout(problem, kind="danger"))
    get_message, set_message = mo.state("")
    return get_message, set_message, settings


@app.cell
def _(quality_view, settings):
    names, lacking = quality_view.series_names(settings)
    mo.stop(bool(lacking), mo.callout(lacking, kind="warn"))
    series = mo.ui.dropdown(names, value=names[0], label="Series", full_width=True)
    series
    return (series,)


@app.cell
def _(get_message, quality_view, series, settings):
    get_message()
    view = quality_view.quality_view(settings, series.value)
    print(view.problem or view.line)  # noqa: T201 - nbval compares the printed line
    return (view,)


@app.cell(hide_code=True)
def _(html_pieces, view):
    mo.stop(bool(view.problem), mo.callout(view.problem, kind="danger"))
    mo.Html(html_pieces.tiles(view.tiles))
    return


@app.cell(hide_code=True)
def _(monitor_view, view):
    found = mo.ui.table(
        list(view.findings),
        selection=None,
        show_data_types=False,
        show_search=False,
        show_download=False,
        **monitor_view.wrapped(view.findings, what=420, such_as=320),
        style_cell=monitor_view.cell_style,
    )
    mo.vstack([mo.md("## Findings"), found if view.findings else mo.md("Nothing is found.")])
    return


@app.cell
def _(view):
    year = mo.ui.dropdown(list(view.years), value=next(iter(view.years), None), label="Year")
    return (year,)


@app.cell(hide_code=True)
def _(monitor_view, view, year):
    prices = [mo.md("## Closes, with the bars of findings"), view.prices(year.value)]
    days = [mo.md("## Days by coverage"), view.calendar(year.value)]
    scores = [mo.md("## Scores on record"), view.history]
    parts = [mo.vstack(part).style(monitor_view.WITHIN) for part in (days, scores)]
    mo.vstack([year, mo.vstack(prices), mo.hstack(parts, widths=[2, 1], gap=3)])
    return


@app.cell
def _(monitor_view, view):
    places = mo.ui.table(
        list(view.places),
        selection="single",
        show_data_types=False,
        show_search=False,
        show_download=False,
        **monitor_view.wrapped(view.places, what=420),
        style_cell=monitor_view.cell_style,
    )
    return (places,)


@app.cell
def _(get_message, places, quality_acts):
    get_message()
    start = mo.ui.text(value=quality_acts.place_of(places.value), label="From", debounce=False, full_width=True)
    end = mo.ui.text(value=quality_acts.place_of(places.value), label="To", debounce=False, full_width=True)
    why = mo.ui.text(placeholder="why; it goes into the audit log", label="Reason", debounce=False, full_width=True)
    aside = mo.ui.run_button(label="Set aside", kind="danger")
    right = mo.ui.run_button(label="Accept the finding", kind="warn")
    return aside, end, right, start, why


@app.cell
def _(aside, end, places, quality_acts, right, series, set_message, settings, start, why):
    if aside.value:
        set_message(quality_acts.set_aside(settings, series.value, start.value, end.value, why.value))
    if right.value:
        set_message(quality_acts.accept(settings, series.value, places.value, why.value))
    return


@app.cell(hide_code=True)
def _(aside, end, places, quality_acts, right, start, view, why):
    listed = [places] if view.places else [mo.md("No finding names a bar.")]
    span = mo.hstack([start, end], widths="equal", wrap=True)
    offered = [aside, right] if quality_acts.is_acceptable(places.value) else [aside]
    buttons = mo.hstack(offered, justify="start", wrap=True)
    mo.vstack([mo.md("## Suspicious bars"), *listed, span, why, buttons])
    return


@app.cell
def _(monitor_view, view):
    kept = mo.ui.table(
        list(view.aside),
        selection="single",
        show_data_types=False,
        show_search=False,
        show_download=False,
        **monitor_view.wrapped(view.aside, why=320),
    )
    return (kept,)


@app.cell
def _(get_message):
    get_message()
    reason = mo.ui.text(placeholder="why; it goes into the audit log", label="Reason", debounce=False, full_width=True)
    back = mo.ui.run_button(label="Bring back", kind="warn")
    return back, reason


@app.cell
def _(back, kept, quality_acts, reason, series, set_message, settings):
    if back.value:
        set_message(quality_acts.bring_back(settings, series.value, kept.value, reason.value))
    return


@app.cell(hide_code=True)
def _(back, kept, reason, view):
    rows = [kept, reason, back] if view.aside else [mo.md("Nothing was ever set aside.")]
    mo.vstack([mo.md("## Set aside"), *rows])
    return


@app.cell(hide_code=True)
def _(get_message, monitor_view):
    said = mo.callout(get_message(), kind="info").style(monitor_view.OUTCOME_BAR) if get_message() else None
    said
    return


if __name__ == "__main__":
    app.run()
