# /// script
# [tool.marimo.display]
# theme = "system"
# ///
import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Tradewright: monitor")

with app.setup:
    import marimo as mo


@app.cell(hide_code=True)
def _():
    refresh = mo.ui.refresh(["1s", "5s", "15s", "1m"], default_interval="5s")
    mo.hstack([mo.md("# Monitor"), refresh], justify="space-between", align="center")
    return (refresh,)


@app.cell
def _():
    mo.output.replace(mo.md("Reading the ledger ..."))  # the imports below take seconds in a new server
    from app.operations import html_pieces, monitor_acts, monitor_selection
    from app.operations import monitor_view as monitor
    from conf.environment import environment_overrides

    mo.output.clear()
    return environment_overrides, html_pieces, monitor, monitor_acts, monitor_selection


@app.cell
def _(environment_overrides, monitor):
    settings, problem = monitor.opened(environment_overrides())
    mo.stop(bool(problem), mo.callout(problem, kind="danger"))
    return (settings,)


@app.cell
def _(environment_overrides, monitor, settings):
    start = monitor.monitor_view(settings, environment_overrides())
    get_message, set_message = mo.state("")
    get_unknown, set_unknown = mo.state(start.unknown)
    get_problems, set_problems = mo.state(start.problems)
    get_waiting, set_waiting = mo.state(start.waiting)
    get_scopes, set_scopes = mo.state(start.scopes)
    get_orders, set_orders = mo.state(start.orders)
    get_intents, set_intents = mo.state(start.intents)
    return (
        get_intents,
        get_message,
        get_orders,
        get_problems,
        get_scopes,
        get_unknown,
        get_waiting,
        set_intents,
        set_message,
        set_orders,
        set_problems,
        set_scopes,
        set_unknown,
        set_waiting,
    )


@app.cell
def _(monitor_selection):
    chosen_problem = monitor_selection.Selection("problem", "instrument", "order")
    chosen_order = monitor_selection.Selection("ref")
    return chosen_order, chosen_problem


@app.cell
def _(environment_overrides, get_message, monitor, refresh, settings):
    (refresh.value, get_message())
    view = monitor.monitor_view(settings, environment_overrides())
    print(view.problem or view.line)  # noqa: T201 - nbval compares the printed line
    return (view,)


@app.cell
def _(
    get_intents,
    get_orders,
    get_problems,
    get_scopes,
    get_unknown,
    get_waiting,
    monitor,
    set_intents,
    set_orders,
    set_problems,
    set_scopes,
    set_unknown,
    set_waiting,
    view,
):
    monitor.keep(view.unknown, get_unknown, set_unknown)
    monitor.keep(view.waiting, get_waiting, set_waiting)
    monitor.keep(view.scopes, get_scopes, set_scopes)
    monitor.keep(view.problems, get_problems, set_problems)
    monitor.keep(view.orders, get_orders, set_orders)
    monitor.keep(view.intents, get_intents, set_intents)
    return


@app.cell(hide_code=True)
def _(html_pieces, monitor, view):
    status = mo.callout(view.status, kind=view.alarm).style(monitor.ALARMS[view.alarm])
    mo.vstack([status, mo.Html(html_pieces.tiles(view.tiles))])
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
def _(decision, monitor_acts, no, set_message, settings, why, yes):
    if yes.value or no.value:
        set_message(monitor_acts.answer(settings, decision.value, yes.value, why.value))
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
def _(cause, go, kill, monitor_acts, scope, set_message, settings):
    if kill.value:
        set_message(monitor_acts.stop(settings, scope.value, cause.value))
    if go.value:
        set_message(monitor_acts.resume(settings, scope.value, cause.value))
    return


@app.cell
def _():
    cancel_all = mo.ui.run_button(label="Cancel all", kind="danger")
    flatten = mo.ui.run_button(label="Flatten", kind="danger")
    send = mo.ui.run_button(label="Send approved", kind="warn")
    ask = mo.ui.run_button(label="Reconcile now", kind="neutral")
    end = mo.ui.run_button(label="End of day", kind="neutral")
    return ask, cancel_all, end, flatten, send


@app.cell
def _(cancel_all, cause, flatten, monitor_acts, set_message, settings):
    if cancel_all.value:
        set_message(monitor_acts.cancel_all(settings, cause.value))
    if flatten.value:
        set_message(monitor_acts.flatten(settings, cause.value))
    return


@app.cell
def _(ask, cause, end, monitor_acts, send, set_message, settings):
    if send.value:
        set_message(monitor_acts.send_approved(settings))
    if ask.value:
        set_message(monitor_acts.reconcile(settings))
    if end.value:
        set_message(monitor_acts.end_of_day(settings, cause.value))
    return


@app.cell(hide_code=True)
def _(
    ask,
    cancel_all,
    cause,
    decision,
    end,
    flatten,
    get_unknown,
    get_waiting,
    go,
    kill,
    monitor,
    no,
    scope,
    send,
    why,
    yes,
):
    whole = mo.md("The whole account, whatever the scope:")
    stopping = mo.hstack([kill, go], justify="start", wrap=True)
    emptying = mo.hstack([cancel_all, flatten, send], justify="start", wrap=True)
    comparing = mo.hstack([ask, end], justify="start", wrap=True)
    switch = mo.vstack([mo.md("## Kill switch"), scope, cause, stopping, whole, emptying, comparing])
    count = mo.md(monitor.approvals_title(get_waiting(), get_unknown()))
    asked = monitor.known(get_unknown(), decision, why, mo.hstack([yes, no], justify="start"))
    approvals = mo.vstack([count, *asked])
    mo.hstack([switch, approvals], widths="equal", gap=3)
    return


@app.cell
def _(chosen_problem, get_problems, monitor):
    listed = list(get_problems())
    problems = mo.ui.table(
        listed,
        selection="single",
        initial_selection=chosen_problem.index(listed),
        on_change=chosen_problem.remember,
        show_data_types=False,
        show_search=False,
        show_download=False,
        **monitor.wrapped(listed, text=230, what_helps=290),
        style_cell=monitor.cell_style,
    )
    return (problems,)


@app.cell
def _(get_message, monitor_acts):
    get_message()
    ground = mo.ui.text(placeholder="why; it goes into the audit log", label="Reason", debounce=False, full_width=True)
    ended = mo.ui.dropdown(list(monitor_acts.STATEMENT_STATES), label="The statement says")
    fills = mo.ui.text(placeholder="0001.01=10@99.5 0002.01=5@99.6", label="with fills", debounce=False)
    return ended, fills, ground


@app.cell
def _():
    compare = mo.ui.run_button(label="Reconcile")
    seen = mo.ui.run_button(label="Acknowledge", kind="warn")
    adopt = mo.ui.run_button(label="Adopt position", kind="warn")
    absent = mo.ui.run_button(label="Confirm not sent", kind="warn")
    settle = mo.ui.run_button(label="Settle by statement", kind="warn")
    drop = mo.ui.run_button(label="Cancel the order", kind="danger")
    close = mo.ui.run_button(label="Flatten all holdings", kind="danger")
    lift = mo.ui.run_button(label="Resume trading")
    return absent, adopt, close, compare, drop, lift, seen, settle


@app.cell
def _(absent, adopt, close, compare, drop, lift, seen, settle):
    helps = {"reconcile": compare, "acknowledge": seen, "adopt": adopt, "confirm-not-sent": absent}
    helps |= {"settle": settle, "cancel": drop, "flatten": close, "resume": lift}
    return (helps,)


@app.cell
def _(ended, fills, ground, helps, monitor_acts, problems, set_message, settings):
    pressed = {name: button.value for name, button in helps.items()}
    statement = monitor_acts.Statement(ended.value or "", fills.value)
    if any(pressed.values()):
        set_message(monitor_acts.help_with(settings, problems.value, pressed, ground.value, statement))
    return


@app.cell(hide_code=True)
def _(ended, fills, get_problems, get_unknown, ground, helps, monitor, monitor_acts, problems):
    fit = monitor_acts.fitting(problems.value)
    shown = mo.hstack([helps[name] for name in fit], justify="start", wrap=True)
    stated = [mo.hstack([ended, fills], justify="start", wrap=True)] if "settle" in fit else []
    target = mo.as_html(monitor_acts.chosen_text(problems.value, get_problems()))
    form = [ground, *stated, shown] if fit else []
    listed_problems = [problems] if get_problems() else []
    mo.vstack([mo.md("## What is not well"), *monitor.known(get_unknown(), *listed_problems, target, *form)])
    return


@app.cell
def _(chosen_order, get_orders, monitor):
    listed_orders = list(get_orders())
    orders = mo.ui.table(
        listed_orders,
        selection="single",
        initial_selection=chosen_order.index(listed_orders),
        on_change=chosen_order.remember,
        show_data_types=False,
        style_cell=monitor.cell_style,
    )
    return (orders,)


@app.cell
def _(get_message):
    get_message()
    reason = mo.ui.text(placeholder="why; it goes into the audit log", label="Reason", debounce=False, full_width=True)
    cancel = mo.ui.run_button(label="Cancel this order", kind="danger")
    return cancel, reason


@app.cell
def _(cancel, monitor_acts, orders, reason, set_message, settings):
    if cancel.value:
        set_message(monitor_acts.cancel(settings, orders.value, reason.value))
    return


@app.cell(hide_code=True)
def _(cancel, get_orders, get_unknown, monitor, monitor_acts, orders, reason):
    aim = mo.as_html(monitor_acts.chosen_text(orders.value, get_orders()))
    mo.vstack([mo.md("## The newest orders"), *monitor.known(get_unknown(), orders, aim, reason, cancel)])
    return


@app.cell
def _(monitor, orders, settings):
    history = monitor.order_history(settings, next((row["ref"] for row in orders.value), None))
    return (history,)


@app.cell(hide_code=True)
def _(get_unknown, history, html_pieces, monitor):
    rows_of_history = list(history.events)
    events = mo.ui.table(rows_of_history, selection=None, show_search=False, show_download=False, show_data_types=False)
    story = mo.Html(html_pieces.wrapped_text(history.story))
    past = [mo.md("## History of the order"), *monitor.known(get_unknown(), events)]
    parts = past, [mo.md("## Why it was sent"), *monitor.known(get_unknown(), story)]
    mo.hstack([mo.vstack(part).style(monitor.WITHIN) for part in parts], widths=[2, 3], gap=3)
    return


@app.cell(hide_code=True)
def _(monitor, view):
    rows = list(view.positions)
    held = mo.ui.table(rows, selection=None, show_search=False, show_download=False, show_data_types=False)
    curve = [mo.md("## Equity"), *monitor.known(view.unknown, view.equity)]
    halves = curve, [mo.md("## Positions"), *monitor.known(view.unknown, held)]
    row = mo.hstack([mo.vstack(half).style(monitor.WITHIN) for half in halves], widths=[1, 1], gap=3)
    row.style(min_height="318px")  # the chart is drawn late, and the tables below it must not move
    return


@app.cell(hide_code=True)
def _(get_intents, get_unknown, monitor):
    intents = mo.ui.table(
        list(get_intents()),
        selection=None,
        show_data_types=False,
        **monitor.wrapped(get_intents(), reasons=420),
        style_cell=monitor.cell_style,
    )
    mo.vstack([mo.md("## The newest intents and decisions"), *monitor.known(get_unknown(), intents)])
    return


@app.cell(hide_code=True)
def _(get_message, monitor):
    said = mo.callout(get_message(), kind="info").style(monitor.OUTCOME_BAR) if get_message() else None
    said
    return


if __name__ == "__main__":
    app.run()
