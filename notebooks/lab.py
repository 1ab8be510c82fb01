# /// script
# [tool.marimo.display]
# theme = "system"
# ///
import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Tradewright: strategy lab")

with app.setup:
    import marimo as mo


@app.cell(hide_code=True)
def _():
    # on a narrow window the button of the sidebar stands there
    mo.md("# Strategy lab").style({"padding-left": "clamp(0px, calc((768px - 100vw) * 999), 3rem)"})
    return


@app.cell
def _():
    mo.output.replace(mo.md("Loading bars and strategies ..."))  # the imports below take seconds in a new server
    from app.operations import html_pieces, lab, lab_packages, lab_questions, monitor_view, variants
    from conf.environment import environment_overrides

    mo.output.clear()
    return environment_overrides, html_pieces, lab, lab_packages, lab_questions, monitor_view, variants


@app.cell
def _(environment_overrides, variants):
    overrides = environment_overrides()
    get_message, set_message = mo.state(variants.Saved())
    get_picked, set_picked = mo.state("")
    get_answers, set_answers = mo.state({})
    get_bars, set_bars = mo.state(None)
    return get_answers, get_bars, get_message, get_picked, overrides, set_answers, set_bars, set_message, set_picked


@app.cell
def _(get_picked, lab, overrides, set_bars):
    options = lab.lab_options(overrides)
    mo.stop(bool(options.problem), mo.callout(options.problem, kind="danger"))
    first, _now = options.first, get_picked() or options.first.strategy
    _follow = lab.follower(overrides, _now, set_bars)
    strategy = mo.ui.dropdown(options.strategies, value=_now, label="Strategy", on_change=_follow, full_width=True)
    return options, first, strategy


@app.cell
def _(get_bars, options):
    _shown = options.with_bars(get_bars())
    _bars = _shown.first
    instruments = mo.ui.multiselect(_shown.instruments, value=_bars.instruments, label="Instruments", full_width=True)
    timeframe = mo.ui.dropdown(_shown.timeframes, value=_bars.timeframe, label="Bars", full_width=True)
    return instruments, timeframe


@app.cell
def _(first, options):
    prices = mo.ui.dropdown(options.prices, value=first.prices, label="Prices", full_width=True)
    costs = mo.ui.dropdown(options.costs, value=first.costs, label="Costs", full_width=True)
    short = mo.ui.switch(value=first.allow_short, label="May sell short")
    return costs, prices, short


@app.cell
def _(instruments, lab, overrides, timeframe):
    first_day, last_day = lab.span(overrides, instruments.value, timeframe.value)
    days = mo.ui.date_range(start=first_day, stop=last_day, value=(first_day, last_day), label="Days", full_width=True)
    return (days,)


@app.cell
def _(lab, overrides, strategy):
    parameters = mo.ui.dictionary(
        {
            control.name: mo.ui.slider(
                control.least,
                control.most,
                control.step,
                control.value,
                debounce=True,
                include_input=True,
                label=control.name,
                full_width=True,
            )
            for control in lab.parameter_controls(overrides, strategy.value)
        }
    )
    return (parameters,)


@app.cell
def _(costs, days, instruments, lab, parameters, prices, short, strategy, timeframe):
    choice = lab.Choice(
        strategy=strategy.value,
        instruments=tuple(instruments.value),
        timeframe=timeframe.value,
        prices=prices.value,
        costs=costs.value,
        allow_short=short.value,
        days=None if days.value == (days.start, days.stop) else days.value,
        parameters=parameters.value,
    )
    return (choice,)


@app.cell
def _(choice, lab, overrides):
    shown = lab.explore(overrides, choice)
    print(shown.line)  # noqa: T201 - nbval compares the printed line
    return (shown,)


@app.cell
def _(choice, overrides, set_message, set_picked, variants):
    save = mo.ui.text(placeholder="fast_cross", label="Name", full_width=True).form(
        bordered=False,
        submit_button_label="Save this variant",
        on_change=variants.saver((*overrides, *choice.overrides()), set_message, set_picked),
    )
    return (save,)


@app.cell(hide_code=True)
def _(get_message):
    saved = get_message()
    message = mo.callout(saved.text, kind="success" if saved.name else "danger") if saved.text else mo.md("")
    return (message,)


@app.cell(hide_code=True)
def _(costs, days, instruments, message, parameters, prices, save, short, strategy, timeframe):
    picks = [strategy, instruments, timeframe, days, prices, costs, short]
    sliders = [mo.Html("<b>Parameters</b>"), *parameters.elements.values()]
    saving = [mo.Html("<b>Keep it as a variant</b>"), save, message]
    mo.sidebar(
        mo.vstack([*picks, *sliders, *saving], gap=0.75),
        width="20rem",
    )
    return


@app.cell(hide_code=True)
def _(choice, lab, overrides):
    _told = lab.not_its_own(overrides, choice)
    mo.callout(_told, kind="info") if _told else None
    return


@app.cell(hide_code=True)
def _(html_pieces, shown):
    mo.stop(bool(shown.problem), mo.callout(shown.problem, kind="warn"))
    mo.Html(html_pieces.tiles(shown.tiles))
    return


@app.cell(hide_code=True)
def _(html_pieces, shown):
    mo.stop(bool(shown.problem))
    _figures = mo.Html(html_pieces.tiles(shown.verdict_tiles))
    mo.vstack([mo.md("## Verdict"), mo.callout(shown.verdict, kind="neutral"), _figures])
    return


@app.cell(hide_code=True)
def _(shown):
    mo.stop(bool(shown.problem))
    mo.vstack([mo.md("## What speaks against it"), mo.Html(shown.findings)])
    return


@app.cell(hide_code=True)
def _(shown):
    mo.stop(bool(shown.problem))
    mo.vstack([mo.md("## Price and fills"), mo.ui.tabs(shown.prices)])
    return


@app.cell(hide_code=True)
def _(shown):
    mo.stop(bool(shown.problem))
    mo.vstack([mo.md("## Equity, drawdown, exposure"), shown.account])
    return


@app.cell(hide_code=True)
def _(shown):
    mo.stop(bool(shown.problem))
    _none = mo.md("The run is shorter than every window of `evaluation.windows`.")
    _trades = mo.ui.tabs(shown.excursions) if shown.excursions else mo.md("No trade was closed.")
    mo.ui.tabs({"Rolling Sharpe ratio": shown.rolling or _none, "MAE and MFE of closed trades": _trades})
    return


@app.cell(hide_code=True)
def _(shown):
    mo.stop(bool(shown.problem))
    figures, months = mo.md(shown.texts["figures"]), mo.md(shown.texts["months"])
    fills = mo.ui.table(shown.fills, selection=None, page_size=15, show_data_types=False)
    trades = mo.ui.table(shown.trades, selection=None, page_size=15, show_data_types=False)
    mo.accordion({"All figures": figures, "Returns by month": months, "Closed trades": trades, "Fills": fills})
    return


@app.cell
def _(lab_questions):
    picked = mo.ui.tabs({question.value: mo.md(text) for question, text in lab_questions.MEANINGS.items()})
    return (picked,)


@app.cell
def _(lab_questions, options, overrides, strategy):
    grid = mo.ui.dictionary(
        {
            name: mo.ui.text(text, placeholder="5,10 or range(5,50,5)", label=name, full_width=True)
            for name, text in lab_questions.grid_texts(overrides, strategy.value).items()
        }
    )
    where = mo.ui.text(placeholder="fast < slow", label="Only where", full_width=True)
    folds = mo.ui.number(1, 100, 1, options.folds, label="Folds", full_width=True)
    return folds, grid, where


@app.cell
def _():
    ask = mo.ui.run_button(label="Run it")  # made once: a click on a button that is being made anew is lost
    return (ask,)


@app.cell
def _(lab_questions, picked):
    question = lab_questions.Question(picked.value)
    return (question,)


@app.cell(hide_code=True)
def _(ask, folds, grid, lab_questions, picked, question, where):
    _typed = [*grid.elements.values(), where] if question in lab_questions.OF_GRIDS else []
    _typed += [folds] if question is lab_questions.Question.WALK_FORWARD else []
    mo.vstack([mo.md("## Ask further"), picked, mo.hstack(_typed, wrap=True, justify="start"), ask])
    return


@app.cell
def _(ask, choice, folds, grid, lab_questions, overrides, question, set_answers, where):
    if ask.value:  # no mo.stop, which fails where a reference notebook is run outside of marimo
        _asked = lab_questions.Asked(question, choice, grid.value, where.value, int(folds.value))
        with mo.status.progress_bar(total=100, title=f"{question} ...", remove_on_exit=True) as _bar:
            _answer = lab_questions.answer(overrides, _asked, lab_questions.percent_steps(_bar.update))
        set_answers(lab_questions.keeping(_answer))
    return


@app.cell(hide_code=True)
def _(choice, get_answers, html_pieces, question):
    answer = get_answers().get(question)
    _parts = []
    if answer and answer.problem:
        _parts = [mo.callout(answer.problem, kind="warn")]
    elif answer:
        _earlier = "These are the figures of earlier choices: run it again for those of now."
        _parts = [mo.callout(_earlier, kind="warn")] if answer.asked.choice != choice else []
        _figures, _pictures = mo.Html(html_pieces.tiles(answer.tiles)), mo.ui.tabs(answer.pictures)
        _table = mo.ui.table(list(answer.rows), selection=None, page_size=15, show_data_types=False)
        _parts += [mo.md(answer.note), mo.callout(answer.verdict, kind="neutral"), _figures, _pictures]
        _parts += [mo.Html(answer.findings), mo.md(f"### {answer.title}"), _table]
    mo.vstack(_parts)
    return (answer,)


@app.cell
def _(lab_packages):
    get_kept, set_kept = mo.state(lab_packages.Outcome())
    get_checked, set_checked = mo.state(lab_packages.Checked())
    get_brought, set_brought = mo.state(lab_packages.Outcome())
    return get_brought, get_checked, get_kept, set_brought, set_checked, set_kept


@app.cell
def _():
    keep = mo.ui.run_button(label="Save this version")
    pass_on = mo.ui.run_button(label="Export a signed package")
    prove = mo.ui.run_button(label="Verify")
    bring = mo.ui.run_button(label="Import it", kind="warn")
    place = mo.ui.text(
        placeholder="~/received/NAME.hsp", label="or the path of a file", debounce=False, full_width=True
    )
    called = mo.ui.text(placeholder="its own", label="Name here", debounce=False, full_width=True)
    return bring, called, keep, pass_on, place, prove


@app.cell
def _(choice, keep, lab_packages, overrides, pass_on, set_kept):
    if keep.value:
        with mo.status.spinner(title="Backtesting and saving ...", remove_on_exit=True):
            set_kept(lab_packages.save(overrides, choice))
    if pass_on.value:
        with mo.status.spinner(title="Backtesting, certifying on all scenarios, signing ...", remove_on_exit=True):
            set_kept(lab_packages.export(overrides, choice))
    return


@app.cell
def _(get_kept, lab_packages, overrides, strategy):
    kept = get_kept()
    shelf = lab_packages.shelf(overrides, strategy.value)
    return kept, shelf


@app.cell(hide_code=True)
def _(keep, kept, lab_packages, pass_on, shelf):
    _buttons = [keep] if shelf.no_key else [keep, pass_on]
    _parts = [mo.hstack(_buttons, justify="start", wrap=True), mo.md(shelf.no_key)]
    _kind = "success" if kept.is_done else "danger"
    _parts += [mo.callout(kept.text, kind=_kind).style(lab_packages.WITHIN)] if kept.text else []
    if shelf.problem or shelf.why_not:
        _parts = [mo.md(shelf.problem or shelf.why_not)]
    mo.vstack([mo.md("## Keep and pass on"), *_parts])
    return


@app.cell
def _(shelf):
    _bare = {"show_data_types": False, "show_search": False, "show_download": False}
    versions = mo.ui.table(list(shelf.versions), selection="multi", **_bare)
    return (versions,)


@app.cell(hide_code=True)
def _(lab_packages, monitor_view, overrides, shelf, strategy, versions):
    _found = lab_packages.compared(overrides, strategy.value, versions.value)
    _text = mo.callout(_found.text) if _found.text else mo.md("Choose two versions to compare them.")
    _rows = list(_found.rows)
    _wide = monitor_view.wrapped(_rows, of=320)
    _table = mo.ui.table(_rows, selection=None, page_size=15, show_data_types=False, **_wide)
    _listed = [versions, _text, _table] if _rows else [versions, _text]
    _listed = _listed if shelf.versions else [mo.md("None is saved yet.")]
    mo.vstack([] if shelf.why_not or shelf.problem else [mo.md("### Saved versions"), *_listed])
    return


@app.cell
def _(kept, lab_packages, overrides):
    kept  # an export may have written another one
    chosen = mo.ui.dropdown(lab_packages.packages_here(overrides), label="From the folder", full_width=True)
    return (chosen,)


@app.cell(hide_code=True)
def _(chosen, place, prove):
    _told = "Hashes and signature are checked, and its backtest is run again on the bars that are stored here."
    _picks = mo.hstack([chosen, place], widths="equal", wrap=True)
    mo.vstack([mo.md("### Verify a package"), mo.md(_told), _picks, prove])
    return


@app.cell
def _(chosen, lab_packages, overrides, place, prove, set_checked):
    if prove.value:
        with mo.status.spinner(title="Verifying ...", remove_on_exit=True):
            set_checked(lab_packages.verify(overrides, chosen.value, place.value))
    return


@app.cell(hide_code=True)
def _(get_checked, html_pieces, lab_packages, monitor_view):
    checked = get_checked()
    _differs = list(checked.differences)
    _wide = monitor_view.wrapped(_differs, the_package_says=220, found_here=220, why=320)
    _table = mo.ui.table(_differs, selection=None, page_size=15, show_data_types=False, **_wide)
    _kind = "success" if checked.holds else "danger"
    _parts = [mo.callout(checked.text, kind=_kind).style(lab_packages.WITHIN)] if checked.text else []
    _parts += [mo.md("**What differs, and why**"), _table] if _differs else []
    _says = mo.accordion({"What the package says of itself": mo.Html(html_pieces.pairs(checked.says))})
    _parts += [_says] if checked.says else []
    mo.vstack(_parts)
    return (checked,)


@app.cell
def _(bring, called, checked, lab_packages, overrides, set_brought, set_picked):
    if bring.value:
        _brought = lab_packages.bring_in(overrides, checked, called.value)
        set_brought(_brought)
        if _brought.strategy:
            set_picked(_brought.strategy)
    return


@app.cell(hide_code=True)
def _(bring, called, checked, get_brought, lab_packages):
    _brought = get_brought()
    _told = "It is written into `conf/strategy`, whose strategies `tradewright trade` and the schedules trade."
    _parts = [mo.md("### Import it"), mo.md(_told), called, bring] if checked.holds else []
    _kind = "success" if _brought.is_done else "danger"
    _parts += [mo.callout(_brought.text, kind=_kind).style(lab_packages.WITHIN)] if _brought.text else []
    mo.vstack(_parts)
    return


if __name__ == "__main__":
    app.run()
