"""The page needs no other file, holds every number, takes no text for markup, and fits a telephone."""

import copy
import html.parser
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import made_up
import pandas as pd
import pytest

from lossbench.comparison.model import Excluded, Matrix, Summary
from lossbench.comparison.report.page import write_page

EVIL = "<script>alert(1)</script> & \"x\" %{y} </title> <img src=x onerror='alert(2)'>"
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.styles, self.words, self._inside = [], [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag in ("script", "style"):
            self._inside = tag

    def handle_endtag(self, tag):
        if tag == self._inside:
            self._inside = None

    def handle_data(self, text):
        kinds = {"script": self.scripts, "style": self.styles}
        kinds.get(self._inside, self.words).append(text)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))

    def copied(self, name):
        return [attributes["data-v"] for tag, attributes in self.tags if name in attributes.get("data-v", "")]


def written(folder, comparison, learning_curves, commands=made_up.COMMANDS, loss_curves=None):
    path = folder / "report.html"
    loss_curves = made_up.loss_curves() if loss_curves is None else loss_curves
    write_page(path, comparison, learning_curves, loss_curves, commands)
    return path


def read(path):
    return Page(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    comparison = made_up.comparison(("diabetes", "california_housing"), tuned=True)
    return written(tmp_path_factory.mktemp("page"), comparison, made_up.learning_curves())


@pytest.fixture(scope="module")
def page(two):
    return read(two)


def test_the_verdict_comes_before_every_table_and_chart(two):
    text = two.read_text("utf-8")
    body = text[text.index("<body>") :]
    assert body.index("is better than every other loss") < body.index("<table")
    assert body.index("is better than every other loss") < body.index('class="chart"')


def test_it_loads_nothing(page):
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "img", "object", "embed", "base"), tag
        assert not {"src", "srcset", "background", "action"} & set(attributes), (tag, attributes)
        assert attributes.get("href", "#").startswith("#")
    assert not re.search(r"url\(|@import|https?:", "".join(page.styles))
    ours = [script for script in page.scripts if "plotly.js v" not in script]
    assert not re.search(r"https?:|fetch\(|XMLHttpRequest|import\(", "".join(ours))
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


def test_every_number_is_there_to_copy(page):
    comparison = made_up.comparison(("diabetes", "california_housing"), tuned=True).to_json()
    copied = {value for _, a in page.tags for value in a.get("data-v", "").split("\t")}
    numbers = [
        number
        for row in [
            *comparison["groups"],
            *(group["same"] for group in comparison["groups"]),
            *comparison["pairs"],
            *comparison["matrix"]["rows"],
            *comparison["tuning"]["trials"],
            comparison["across_data"]["mean_ranks"],
            *comparison["across_data"]["pairs"],
        ]
        for value in row.values()
        for number in (value if isinstance(value, list) else [value])
        if isinstance(number, float)
    ]
    assert len(numbers) > 400
    assert {str(number) for number in numbers} <= copied


def test_words_reasons_keys_and_commands_are_shown(page):
    for words in (
        *made_up.COMMANDS,
        "failed: the target holds 3 values that are not finite",
        "loss.delta",
        "0.5, 1.0",
        "lower is better",
        "huber delta=0.5 is better",
        "too few seeds",
        "california_housing",
        "seeds needed",
        "statistic",
    ):
        assert words in page.text, words


def test_heads_sort_and_cells_trained_with_their_metric_are_marked(page):
    assert sum(1 for tag, a in page.tags if tag == "td" and "same" in a.get("class", "").split()) == 4
    heads = [a for tag, a in page.tags if tag == "th" and "data-names" in a]
    assert ["difference low", "difference high"] in [a["data-names"].split("\t") for a in heads]


def test_what_labels_and_reasons_hold_is_never_markup(tmp_path):
    comparison = made_up.renamed(made_up.comparison(), "huber delta=1", EVIL)
    comparison = made_up.renamed(comparison, "diabetes", EVIL)
    comparison = replace(
        comparison,
        excluded=(Excluded(EVIL, EVIL), *comparison.excluded[1:]),
        verdict=EVIL,
        metric=EVIL,
        varied=(EVIL,),
        matrix=replace(comparison.matrix, metrics=(EVIL, *comparison.matrix.metrics[1:])),
    )
    curves = {EVIL: made_up.learning_curves()["mse"]}
    path = written(tmp_path, comparison, curves, [EVIL])
    page = read(path)
    text = path.read_text("utf-8")
    assert len(page.scripts) == sum(tag == "script" for tag, _ in page.tags) == 3
    assert "<script>alert" not in text.replace("\\u003cscript\\u003ealert", "")
    assert not any("onerror" in a or tag == "img" for tag, a in page.tags)
    assert page.text.count("<script>alert(1)</script>") > 8
    assert json.loads(page.scripts[0])["metric"] == EVIL


def test_the_least_there_can_be(tmp_path):
    comparison = made_up.comparison(losses={"mse": made_up.LOSSES["mse"], "mae": made_up.LOSSES["mae"]}, n=2)
    empty = Summary(0, 2)
    groups = tuple(
        replace(group, summary=empty, seeds=(0, 1), scores=(float("nan"),) * 2) for group in comparison.groups
    )
    least = {"varied": (), "excluded": (), "pairs": (), "matrix": Matrix((), (), ()), "reference": None}
    comparison = replace(comparison, groups=groups, **least)
    assert comparison.tuning is comparison.across_data is None
    page = read(written(tmp_path, comparison, {}, [], loss_curves={}))
    assert "No run was excluded." in page.text
    assert "Only the loss and the seeds varied." in page.text
    assert json.loads(page.scripts[0])["groups"][0]["scores"] == [None, None]


def test_the_same_comparison_gives_the_same_page_and_stays_as_it_was(tmp_path):
    comparison, curves = made_up.comparison(), made_up.learning_curves()
    before = copy.deepcopy(comparison)
    first = written(tmp_path, comparison, curves).read_bytes()
    assert written(tmp_path, comparison, curves).read_bytes() == first
    assert comparison == before


def test_long_and_ragged_curves_are_thinned_and_kept_whole(tmp_path):
    epochs = [*range(1, 2001), *range(1, 1001)]
    frame = pd.DataFrame({"seed": [0] * 2000 + [1] * 1000, "epoch": epochs, "train/loss": 1.0})
    frame.loc[5, "train/loss"] = float("inf")
    page = read(written(tmp_path, made_up.comparison(), {"mse": frame}))
    curve = json.loads(page.scripts[0])["learningCurves"][0]
    assert (curve["epoch"][0], curve["epoch"][-1], len(curve["epoch"])) == (1, 2000, 300)
    assert set(curve["columns"]["train/loss"]["median"]) == {1.0}
    assert "drawn at 300 epochs" in page.text


PROBE = """<script>
const issues = [];
addEventListener("error", event => issues.push(event.message));
addEventListener("unhandledrejection", event => issues.push(String(event.reason)));
document.addEventListener("securitypolicyviolation", event => issues.push(event.blockedURI));
console.error = console.warn = (...words) => issues.push(words.join(" "));
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const state = () => ({
  charts: all(".chart").map(chart => all(".main-svg .trace, .main-svg .hm", chart).length),
  kinds: all(".chart").map(chart => chart.dataset.kind),
  wide: document.documentElement.scrollWidth,
  spill: all(".chart .main-svg").some(svg => svg.clientWidth > innerWidth),
  paper: getComputedStyle(document.body).backgroundColor,
  ink: getComputedStyle(document.querySelector(".chart .xtick text")).fill,
});
const sorted = () => all("table").flatMap(table => all("thead th", table).map((head, place) => {
  head.querySelector("button").click();
  const values = [...table.tBodies[0].rows].map(row => row.cells[place].dataset.v.split("\\t")[0]);
  return { numeric: head.classList.contains("number"), order: head.getAttribute("aria-sort"), values };
}));
setTimeout(() => {
  const light = state(), tables = sorted();
  all(".choice input").forEach(input => input.click());
  document.getElementById("theme").click();
  setTimeout(() => parent.postMessage({ light, dark: state(), tables, issues, room: innerWidth,
    requests: performance.getEntriesByType("resource").map(entry => entry.name) }, "*"), 1000);
}, 1500);
</script></head>"""
FRAME = """<!doctype html><body><iframe src="report.html" width="{width}" height="900"></iframe><script>
const show = event => {{ document.body.textContent = "FOUND" + JSON.stringify(event.data) + "END"; }};
addEventListener("message", show);
</script>"""
SETS, RATES = ("diabetes", "california_housing"), tuple(made_up.RATES)
COMMON = [*["intervals", "matrix", "lossCurves"] * 2, *["tuning"] * 4, "learningCurves"]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium found: the page was not opened in a browser")
@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize(
    ("label", "data", "special"),
    [("huber delta=1", SETS, "ranks"), ("huber delta=1", RATES, "robustness"), (EVIL, SETS, "ranks")],
    ids=["sets", "rates", "evil"],
)
def test_a_browser_draws_all_in_both_themes_sorts_tables_and_nothing_overflows(
    tmp_path, width, label, data, special
):
    comparison = made_up.renamed(made_up.comparison(data, tuned=True), "huber delta=1", label)
    if special == "robustness":
        comparison = replace(comparison, across_data=None)
    loss_curves, learning_curves = (
        {label if name == "huber delta=1" else name: curve for name, curve in curves.items()}
        for curves in (made_up.loss_curves(), made_up.learning_curves())
    )
    path = written(tmp_path, comparison, learning_curves, loss_curves=loss_curves)
    path.write_text(path.read_text("utf-8").replace("</head>", PROBE, 1), "utf-8")
    frame = tmp_path / "frame.html"
    frame.write_text(FRAME.format(width=width), "utf-8")
    report = _opened(frame, tmp_path / "profile")
    assert report["issues"] == []
    assert report["requests"] == []
    assert report["room"] == width
    for theme in (report["light"], report["dark"]):
        assert theme["wide"] <= width
        assert not theme["spill"]
        assert sorted(theme["kinds"]) == sorted([*COMMON, special])
        assert all(theme["charts"])
    assert report["light"]["paper"] != report["dark"]["paper"]
    assert report["light"]["ink"] != report["dark"]["ink"]
    assert len(report["tables"]) > 40
    for column in report["tables"]:
        known = [value for value in column["values"] if value]
        assert column["values"][: len(known)] == known  # what is missing comes last
        assert column["order"] == "ascending"
        if column["numeric"]:
            assert [*map(float, known)] == sorted(map(float, known))


def _opened(path: Path, profile: Path):
    words = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={profile}",
    ]
    words += [
        "--window-size=1600,1000",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--virtual-time-budget=8000",
    ]
    done = subprocess.run(
        [CHROMIUM, *words, "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    answer = re.search(r"FOUND(\{.*\})END", done.stdout)
    assert answer, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(html.unescape(answer[1]))
