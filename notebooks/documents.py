# /// script
# [tool.marimo.display]
# theme = "system"
# ///
import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Tradewright: strategy documents")

with app.setup:
    import marimo as mo


@app.cell(hide_code=True)
def _():
    mo.vstack([mo.md("# Strategy documents")])
    return


@app.cell
def _():
    mo.output.replace(mo.md("Loading the grammar ..."))  # the imports below take seconds in a new server
    from app.operations import documents, html_pieces, lab_documents
    from conf.environment import environment_overrides

    mo.output.clear()
    return documents, environment_overrides, html_pieces, lab_documents


@app.cell
def _(documents, environment_overrides, lab_documents):
    overrides = environment_overrides()
    least = documents.least_confidence(overrides)
    first = lab_documents.opened(lab_documents.NEW)
    get_opened, set_opened = mo.state(first)
    get_text, set_text = mo.state(first.text)
    get_told, set_told = mo.state(lab_documents.Kept())
    return get_opened, get_text, get_told, least, overrides, set_opened, set_text, set_told


@app.cell
def _(get_opened, lab_documents, set_opened, set_text, set_told):
    opened = get_opened()
    origin = mo.ui.dropdown(
        lab_documents.origins(),
        value=opened.origin,
        label="Open",
        on_change=lab_documents.opener(set_opened, set_text, set_told),
        full_width=True,
    )
    return opened, origin


@app.cell
def _(get_text):
    # made anew by what is opened or formatted and by no save, so that one press is one act
    written = mo.ui.text_area(get_text(), rows=28, debounce=False, label="Document", full_width=True)
    return (written,)


@app.cell
def _():
    tidy = mo.ui.run_button(label="Format")
    keep = mo.ui.run_button(label="Save into conf/strategy", kind="warn")
    may_replace = mo.ui.switch(label="Replace the document that was opened")
    return keep, may_replace, tidy


@app.cell
def _(lab_documents, least, written):
    view = lab_documents.view(written.value, least)
    print(view.headline)  # noqa: T201 - nbval compares the printed line
    return (view,)


@app.cell
def _(lab_documents, set_text, tidy, written):
    _tidied = lab_documents.tidied(written.value)
    if tidy.value and _tidied != written.value:
        set_text(_tidied)
    return


@app.cell
def _(get_opened, keep, lab_documents, may_replace, overrides, set_opened, set_told, written):
    if keep.value:
        _kept = lab_documents.save(overrides, written.value, get_opened() if may_replace.value else None)
        set_told(_kept)
        if _kept.opened:
            set_opened(_kept.opened)
    return


@app.cell(hide_code=True)
def _(get_told, keep, may_replace, opened, origin, tidy, view, written):
    _told, _problem = get_told(), opened.problem
    _kind = "success" if _told.is_done else "danger"
    _message = mo.callout(_told.text, kind=_kind).style({"overflow-wrap": "anywhere"}) if _told.text else mo.md("")
    _unread = mo.callout(_problem, kind="danger") if _problem else mo.md("")
    _acts = mo.hstack([tidy, keep, may_replace], justify="start", wrap=True)
    _headline = mo.callout(view.headline, kind="success" if view.is_sound else "danger")
    mo.vstack([origin, _unread, written, _headline, _acts, _message])
    return


@app.cell(hide_code=True)
def _(html_pieces, view):
    _listed = mo.Html(html_pieces.document_problems(view.problems))
    mo.vstack([mo.md("## Problems"), _listed if view.problems else mo.md("None.")])
    return


@app.cell(hide_code=True)
def _(html_pieces, view):
    _why_not = "It is explained as soon as it has no errors."
    _told = mo.Html(html_pieces.sections(view.sections)) if view.is_sound else mo.md(_why_not)
    mo.vstack([mo.md("## In words"), _told])
    return


@app.cell(hide_code=True)
def _(view):
    _note = "What each expression reads where it decides in bar i. None of them reads a bar to come."
    _table = mo.ui.table(
        list(view.reads), selection=None, show_data_types=False, show_search=False, show_download=False
    )
    mo.vstack([mo.md("## Bars that are read"), mo.md(_note), _table] if view.reads else [])
    return


if __name__ == "__main__":
    app.run()
