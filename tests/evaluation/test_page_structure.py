"""The page read as a browser would: every figure in its row, every text from outside as text, no address outside."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from tests.evaluation.accounts import Fill, account
from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.equity_curve import MONTHS
from tradewright.evaluation.finding import TOGETHER, ValidityEvidence
from tradewright.evaluation.formatting import groups, headline
from tradewright.evaluation.metrics import Metrics
from tradewright.evaluation.risk_report import DETAILED, RiskReport, risk_report

VOID = {"meta", "link", "br", "hr", "img", "input", "base", "source", "embed", "wbr", "col", "area", "track", "param"}
HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<img src=x onerror=alert(3)>",
    '"><svg onload=alert(4)>',
    "' onmouseover='alert(5)",
    "</title><base href=https://evil.example/>",
    "${title} $heading $$ {{7*7}}",
    "&lt;b&gt; &amp; &#60;",
    "a|b `c` [d](https://evil.example) *e* _f_",
    "-->]]><!--",
    "näme 東京 \u202e gnirts",
]


class Node:
    """An element with its attributes, its children, and the text inside."""

    def __init__(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.tag, self.attributes = tag, attributes
        self.children: list[Node] = []
        self.parts: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def all(self, tag: str) -> list[Node]:
        found = [child for child in self.children if child.tag == tag]
        return found + [deeper for child in self.children for deeper in child.all(tag)]


class Tree(HTMLParser):
    """A page as a tree; a tag that is closed out of turn is an error."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("root", {})
        self.open = [self.root]
        self.feed(page)
        self.close()
        assert self.open == [self.root], [node.tag for node in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"{tag} has an attribute twice"
        node = Node(tag, dict(attrs))
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Node(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for node in self.open:
            node.parts.append(data)


def traded(scale: float = 1.0) -> BacktestResult:
    closes = [scale * (100 + day % 7 + day / 10) for day in range(430)]
    fills = [Fill(day, 5 if day % 20 == 0 else -5, closes[day], 0.5) for day in range(0, 430, 10)]
    return account(closes, fills, cash=2000 * scale)


@pytest.fixture(scope="module")
def report() -> RiskReport:
    names = {HOSTILE[0]: traded(), HOSTILE[4]: traded(2.0), HOSTILE[6]: traded(0.5)}
    facts = {f"{index}{name}": name for index, name in enumerate(HOSTILE)}
    return risk_report(HOSTILE[1], names, facts=facts, evidence={HOSTILE[0]: ValidityEvidence(look_ahead_free=False)})


@pytest.fixture(scope="module")
def page(report: RiskReport) -> Node:
    return Tree(report.html()).root


def sections(page: Node) -> list[Node]:
    return page.all("section")


def figures(section: Node) -> dict[str, str]:
    """Label -> text of the tables of all figures; the small print of a label is left out."""
    found = {}
    for table in section.all("table"):
        if not table.all("caption"):
            continue
        for row in table.all("tr"):
            (head,), (cell,) = row.all("th"), row.all("td")
            small = "".join(each.text for each in head.all("small"))
            found[f"{table.all('caption')[0].text}/{head.text.removesuffix(small)}"] = cell.text
    return found


def test_the_page_is_a_whole_document_in_order(page: Node) -> None:
    (document,) = page.all("html")
    assert [child.tag for child in document.children] == ["head", "body"]
    assert len(page.all("title")) == len(page.all("h1")) == 1
    assert page.all("h1")[0].text == HOSTILE[1]
    assert page.all("title")[0].text == f"{HOSTILE[1]}: risk report"
    assert any("utf-8" in (meta.attributes.get("charset") or "").lower() for meta in page.all("meta"))


def test_every_section_has_its_name_and_an_anchor_that_is_linked(report: RiskReport, page: Node) -> None:
    assert len(sections(page)) == len(report.sections) == 4
    links = {link.attributes["href"]: link.text for link in page.all("a")}
    for number, (section, node) in enumerate(zip(report.sections, sections(page), strict=True)):
        heading = node.all("h2")[0]
        assert heading.text.startswith(section.instrument)
        assert node.attributes["id"] == f"section-{number}"
        assert links[f"#section-{number}"] == section.instrument


def test_ids_are_given_once(page: Node) -> None:
    def ids(node: Node) -> list[str]:
        own = [node.attributes["id"] or ""] if "id" in node.attributes else []
        return own + [deeper for child in node.children for deeper in ids(child)]

    assert len(set(ids(page))) == len(ids(page)) > 8


def test_every_figure_stands_in_its_row_in_every_section(report: RiskReport, page: Node) -> None:
    for section, node in zip(report.sections, sections(page), strict=True):
        shown = figures(node)
        for group in groups(section.metrics):
            for line in group.lines:
                assert shown.pop(f"{group.title}/{line.label}") == line.text
        assert not shown, "nothing is shown that the summary does not know"


def test_the_headline_is_on_the_tiles_and_in_the_contents(report: RiskReport, page: Node) -> None:
    contents = next(table for table in page.all("table") if table.attributes.get("class") == "contents")
    rows = contents.all("tbody")[0].all("tr")
    for section, node, row in zip(report.sections, sections(page), rows, strict=True):
        lines = headline(section.metrics)
        tiles = next(each for each in node.all("dl") if each.attributes.get("class") == "tiles")
        assert [term.text for term in tiles.all("dt")] == [line.label for line in lines]
        texts = [text.text for text in tiles.all("dd")]
        assert texts == [text for line in lines for text in (line.text, line.meaning)]
        assert [cell.text for cell in row.all("td")][: len(lines)] == [line.text for line in lines]


def _changed(value: object) -> object:
    if isinstance(value, bool):
        return not value
    return f"{value}?" if isinstance(value, str) else value + 7  # type: ignore[operator]


def test_every_metric_is_shown_somewhere(report: RiskReport) -> None:
    """A figure that no line of the summary reads would change no line when it changes."""
    metrics = report.sections[0].metrics
    hidden = {"initial_cash", "returns_sampling", "tail_sampling", "sampling", "days_per_year", "risk_free", "periods"}
    hidden |= {"periods_per_year", "capped", "ruined", "sortino_of_gains"}
    for field in fields(Metrics):
        value = getattr(metrics, field.name)
        if field.name in hidden:
            continue
        changed = type(metrics)(**{**vars(metrics), field.name: _changed(value)})
        assert (groups(changed), headline(changed)) != (groups(metrics), headline(metrics)), field.name


def test_the_findings_are_listed_in_rank_with_code_and_words(report: RiskReport, page: Node) -> None:
    for section, node in zip(report.sections, sections(page), strict=True):
        listed = next(each for each in node.all("ol") if each.attributes.get("class") == "findings")
        shown = [
            (item.attributes["class"], item.all("b")[0].text, item.all("span")[0].text, item.all("code")[0].text)
            for item in listed.all("li")
        ]
        expected = [
            (each.severity.value, each.severity.value, f"{each.message}{' '.join(each.advice)}", each.code)
            for each in section.findings
        ]
        assert shown == expected
        assert expected


def test_the_monthly_table_has_twelve_months_and_a_year(report: RiskReport, page: Node) -> None:
    for section, node in zip(report.sections, sections(page), strict=True):
        (table,) = (each for each in node.all("table") if each.attributes.get("class") == "months")
        assert [head.text for head in table.all("thead")[0].all("th")] == ["Year", *MONTHS, "Year's return"]
        rows = table.all("tbody")[0].all("tr")
        assert [row.all("th")[0].text for row in rows] == [str(row.year) for row in section.months]
        for row, year in zip(rows, section.months, strict=True):
            cells = row.all("td")
            assert len(cells) == 13
            assert [cell.text == "" for cell in cells[:12]] == [month is None for month in year.months]


def test_hostile_texts_are_shown_as_they_are(page: Node) -> None:
    facts = next(each for each in page.all("dl") if each.attributes.get("class") == "facts")
    assert [term.text for term in facts.all("dt")] == [f"{index}{name}" for index, name in enumerate(HOSTILE)]
    assert [text.text for text in facts.all("dd")] == HOSTILE


def test_hostile_texts_make_no_element_and_no_attribute(page: Node) -> None:
    def walk(node: Node) -> list[Node]:
        return [node, *(deeper for child in node.children for deeper in walk(child))]

    nodes = walk(page)
    assert not [node for node in nodes if node.tag in {"img", "base", "iframe", "object", "embed", "link", "form"}]
    assert not [name for node in nodes for name in node.attributes if name.startswith("on")]
    fetching = ("src", "href", "action", "data", "srcset", "poster", "formaction", "background", "xlink:href")
    addresses = [node.attributes[name] for node in nodes for name in fetching if name in node.attributes]
    assert addresses
    assert all(address and address.startswith("#section-") for address in addresses)


def test_scripts_are_the_same_whatever_the_names(page: Node) -> None:
    plain = Tree(risk_report("plain", {"A": traded(), "B": traded(2.0), "C": traded(0.5)}).html()).root

    def code(root: Node) -> list[str]:
        return [node.text for node in root.all("script") if node.attributes.get("type") != "application/json"]

    assert code(page) == code(plain)
    assert len(page.all("script")) == len(plain.all("script"))


def test_styles_and_policy_let_nothing_in(page: Node) -> None:
    policies = [
        meta.attributes["content"] or ""
        for meta in page.all("meta")
        if (meta.attributes.get("http-equiv") or "").lower() == "content-security-policy"
    ]
    assert len(policies) == 1
    rules = dict(rule.strip().split(" ", 1) for rule in policies[0].split(";") if rule.strip())
    assert rules["default-src"] == "'none'"
    assert not re.search(r"https?:|\*", policies[0])
    for style in page.all("style"):
        assert not re.search(r"url\s*\(\s*['\"]?https?:|@import", style.text)


def test_each_plot_has_its_data_beside_it(page: Node) -> None:
    for section in sections(page):
        plots = {each.attributes["id"] for each in section.all("div") if each.attributes.get("class") == "plot"}
        data = {each.attributes["data-for"]: each.text for each in section.all("script")}
        assert set(data) == plots
        for text in data.values():
            assert set(json.loads(text)) == {"data", "layout"}


def test_without_scripts_there_is_a_picture_that_is_well_formed(report: RiskReport) -> None:
    pictures = re.findall(r"<noscript>(<svg.*?</svg>)", report.html(), re.DOTALL)
    for section, picture in zip(report.sections, pictures, strict=True):
        texts = [each.text for each in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]
        assert section.instrument in texts


@pytest.mark.parametrize("name", HOSTILE)
def test_markdown_keeps_hostile_names_in_their_cells(name: str) -> None:
    parts = risk_report(name, {name: traded()}).markdown()
    assert not re.search(r"<(script|img|svg|base)", "\n".join(parts.values()))
    rows = parts["figures"].splitlines()
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3}


def test_the_page_of_a_large_pool_holds_few_charts_and_every_finding() -> None:
    """Its size does not grow by charts: half a megabyte for each of 500 instruments was 224 MB (F6)."""
    days = 60
    closes = [100.0 + day % 7 for day in range(days)]
    fills = [Fill(day, 5 if day % 20 == 0 else -5, closes[day], 0.5) for day in range(0, days - 10, 10)]
    results = {f"I{number:02d}": account(closes, fills, cash=1_000) for number in range(20)}
    evidence = {"I17": ValidityEvidence(look_ahead_free=False)}
    report = risk_report("sma", results, evidence=evidence)
    text = report.html()
    assert report.detailed()[0].instrument == TOGETHER
    assert "I17" in [each.instrument for each in report.detailed()]
    assert len(report.detailed()) == text.count("<section") == DETAILED < len(report.sections)
    assert text.count('<div id="account-') == DETAILED
    for name in results:
        assert f">{name}<" in text
    left_out = {each.instrument for each in report.sections} - {each.instrument for each in report.detailed()}
    assert text.count("<td>warning</td>") + text.count("<td>critical</td>") + text.count("<td>info</td>") == sum(
        name in left_out for name, _ in report.findings()
    )
    assert report.markdown()["account"].count("data:image") == DETAILED
