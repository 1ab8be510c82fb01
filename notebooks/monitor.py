# /// script
# [tool.marimo.display]
# theme = "system"
# ///
import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Tradewright: monitor")

with app.setup:
    import marimo as mo

    from app.operations import monitor
    from conf.environment import environment_overrides


@app.cell
def _():
    settings, trouble = monitor.opened(environment_overrides())
    mo.stop(bool(trouble), mo.callout(trouble, kind="danger"))
    return (settings,)


@app.cell
def _(settings):
    start = monitor.monitor_view(settings)
    get_message, set_message = mo.state("")
    get_waiting, set_waiting = mo.state(start.waiting)
    get_scopes, set_scopes = mo.state(start.scopes)
    get_orders, set_orders = mo.state(start.orders)
    get_intents, set_intents = mo.state(start.intents)
    return (
        get_intents,
        get_orders,
        get_message,
        get_scopes,
        get_waiting,
        set_intents,
        set_orders,
        set_message,
        set_scopes,
        set_waiting,
    )


@app.cell
def _():
    refresh = mo.ui.refresh(["1s", "5s", "15s", "1m"], default_interval="5s")
    return (refresh,)


@app.cell
def _(get_message, refresh, settings):
    (refresh.value, get_message())
    view = monitor.monitor_view(settings)
    print(view.trouble or view.line)  # noqa: T201 - nbval compares the printed line
    return (view,)


@app.cell
def _(view, get_intents, get_orders, get_scopes, get_waiting, set_intents, set_orders, set_scopes, set_waiting):
    monitor.keep(view.waiting, get_waiting, set_waiting)
    monitor.keep(view.scopes, get_scopes, set_scopes)
    monitor.keep(view.orders, get_orders, set_orders)
    monitor.keep(view.intents, get_intents, set_intents)
    return


@app.cell(hide_code=True)
def _(view, get_message, refresh):
    title = mo.hstack([mo.md("# Monitor"), refresh], justify="space-between", align="center")
    stats = [mo.stat(tile.text, tile.label, tile.meaning, bordered=True) for tile in view.tiles]
    alarms = [mo.callout(f"STOPPED: {text}", kind="danger") for text in view.stops]
    doubts = [mo.callout(text, kind="warn") for text in (*view.differences, view.trouble) if text]
    message = [mo.callout(get_message(), kind="info")] if get_message() else []
    mo.vstack([title, mo.hstack(stats, widths="equal"), *alarms, *doubts, *message])
    return


@app.cell(hide_code=True)
def _(view):
    rows = list(view.positions)
    held = mo.ui.table(rows, selection=None, show_search=False, show_download=False, show_data_types=False)
    curve = mo.vstack([mo.md("## Equity"), view.equity])
    row = mo.hstack([curve, mo.vstack([mo.md("## Positions"), held])], widths=[1, 1], gap=3)
    row.style(min_height="318px")  # the chart is drawn late, and the buttons below it must not move
    return


@app.cell
def _(get_message, get_waiting):
    get_message()
    decision = mo.ui.dropdown(get_waiting(), value=next(iter(get_waiting()), None), label="Decision", full_width=True)
    why = mo.ui.text(placeholder="why; it goes into the audit log", label="Reason", debounce=False, full_width=True)
    yes = mo.ui.run_button(label="Approve", kind="success")
    no = mo.ui.run_button(label="Reject", kind="danger")
    return decision, no, why, yes


@app.cell
def _(decision, no, set_message, settings, why, yes):
    if yes.value or no.value:
        set_message(monitor.answer(settings, decision.value, yes.value, why.value))
    return


@app.cell
def _(get_message, get_scopes):
    get_message()
    scope = mo.ui.dropdown(get_scopes(), value=get_scopes()[0], label="Scope", full_width=True)
    cause = mo.ui.text(placeholder="why; it goes into the audit log", label="Reason", debounce=False, full_width=True)
    kill = mo.ui.run_button(label="Stop and cancel", kind="danger")
    go = mo.ui.run_button(label="Resume", kind="neutral")
    return cause, go, kill, scope


@app.cell
def _(cause, go, kill, scope, set_message, settings):
    if kill.value:
        set_message(monitor.stop(settings, scope.value, cause.value))
    if go.value:
        set_message(monitor.resume(settings, scope.value, cause.value))
    return


@app.cell
def _():
    ask = mo.ui.run_button(label="Reconcile now", kind="neutral")
    return (ask,)


@app.cell
def _(ask, set_message, settings):
    if ask.value:
        set_message(monitor.reconcile(settings))
    return


@app.cell(hide_code=True)
def _(ask, cause, decision, get_waiting, go, kill, no, scope, why, yes):
    count = mo.md(f"## Approvals: {len(get_waiting())} waiting")
    approvals = mo.vstack([count, decision, why, mo.hstack([yes, no], justify="start")])
    switch = mo.vstack([mo.md("## Kill switch"), scope, cause, mo.hstack([kill, go, ask], justify="start")])
    mo.hstack([approvals, switch], widths="equal", gap=3)
    return


@app.cell(hide_code=True)
def _(get_intents):
    intents = mo.ui.table(
        list(get_intents()),
        selection=None,
        show_data_types=False,
        **monitor.reasons_layout(get_intents()),
        style_cell=monitor.cell_style,
    )
    mo.vstack([mo.md("## The newest intents and decisions"), intents])
    return


@app.cell(hide_code=True)
def _(get_orders):
    chosen = [0] if get_orders() else None
    orders = mo.ui.table(
        list(get_orders()),
        selection="single",
        initial_selection=chosen,
        show_data_types=False,
        style_cell=monitor.cell_style,
    )
    mo.vstack([mo.md("## The newest orders"), orders])
    return (orders,)


@app.cell
def _(orders, settings):
    history = monitor.order_history(settings, next((row["ref"] for row in orders.value), None))
    return (history,)


@app.cell(hide_code=True)
def _(history):
    rows_of_history = list(history.events)
    events = mo.ui.table(rows_of_history, selection=None, show_search=False, show_download=False, show_data_types=False)
    story = mo.plain_text(history.story)
    parts = [mo.md("## History of the order"), events], [mo.md("## Why it was sent"), story]
    mo.hstack([mo.vstack(part) for part in parts], widths=[2, 3], gap=3)
    return


if __name__ == "__main__":
    app.run()
