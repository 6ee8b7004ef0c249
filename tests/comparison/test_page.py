"""The page: whole in itself, every number in it, nothing in it taken for markup, and it fits a telephone."""

import copy
import html.parser
import json
import re
import shutil
import subprocess
from pathlib import Path

import made_up
import pandas as pd
import pytest

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


def written(folder, comparison, curves, commands=made_up.COMMANDS, profiles=None):
    path = folder / "report.html"
    write_page(path, comparison, curves, made_up.profiles() if profiles is None else profiles, commands)
    return path


def read(path):
    return Page(path.read_text("utf-8"))


def relabeled(comparison, old, new):
    return json.loads(json.dumps(comparison).replace(json.dumps(old), json.dumps(new)))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    comparison = made_up.comparison(("diabetes", "california_housing"), tuned=True)
    return written(tmp_path_factory.mktemp("page"), comparison, made_up.curves())


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
    comparison = made_up.comparison(("diabetes", "california_housing"), tuned=True)
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
    comparison = relabeled(made_up.comparison(), "huber delta=1", EVIL)
    comparison = relabeled(comparison, "diabetes", EVIL)
    comparison["excluded"][0] = {"folder": EVIL, "reason": EVIL}
    comparison["verdict"] = comparison["metric"] = EVIL
    comparison["varied"] = [EVIL]
    comparison["matrix"]["metrics"][0] = EVIL
    curves = {EVIL: made_up.curves()["mse"]}
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
    comparison |= {"varied": [], "excluded": [], "pairs": [], "matrix": None, "reference": None}
    assert comparison["tuning"] is comparison["across_data"] is None
    for group in comparison["groups"]:
        group |= {"mean": None, "median": None, "mean_ci95": [None, None], "median_ci95": [None, None]}
        group["scores"] = [None, float("nan")]
    page = read(written(tmp_path, comparison, {}, [], profiles={}))
    assert "No run was left out." in page.text
    assert "The loss and the seeds alone." in page.text
    assert json.loads(page.scripts[0])["groups"][0]["scores"] == [None, None]


def test_the_same_comparison_gives_the_same_page_and_stays_as_it_was(tmp_path):
    comparison, curves = made_up.comparison(), made_up.curves()
    before = copy.deepcopy(comparison)
    first = written(tmp_path, comparison, curves).read_bytes()
    assert written(tmp_path, comparison, curves).read_bytes() == first
    assert comparison == before


def test_long_and_ragged_curves_are_thinned_and_kept_whole(tmp_path):
    epochs = [*range(1, 2001), *range(1, 1001)]
    frame = pd.DataFrame({"seed": [0] * 2000 + [1] * 1000, "epoch": epochs, "train/loss": 1.0})
    frame.loc[5, "train/loss"] = float("inf")
    page = read(written(tmp_path, made_up.comparison(), {"mse": frame}))
    curve = json.loads(page.scripts[0])["curves"][0]
    assert (curve["epoch"][0], curve["epoch"][-1], len(curve["epoch"])) == (1, 2000, 300)
    assert set(curve["columns"]["train/loss"]["median"]) == {1.0}
    assert "every so many epochs" in page.text


PROBE = """<script>
const issues = [];
addEventListener("error", event => issues.push(event.message));
addEventListener("unhandledrejection", event => issues.push(String(event.reason)));
document.addEventListener("securitypolicyviolation", event => issues.push(event.blockedURI));
console.error = console.warn = (...words) => issues.push(words.join(" "));
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const seen = () => ({
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
  const light = seen(), tables = sorted();
  all(".choice input").forEach(one => one.click());
  document.getElementById("theme").click();
  setTimeout(() => parent.postMessage({ light, dark: seen(), tables, issues, room: innerWidth,
    requests: performance.getEntriesByType("resource").map(entry => entry.name) }, "*"), 1000);
}, 1500);
</script></head>"""
FRAME = """<!doctype html><body><iframe src="report.html" width="{width}" height="900"></iframe><script>
const show = event => {{ document.body.textContent = "FOUND" + JSON.stringify(event.data) + "END"; }};
addEventListener("message", show);
</script>"""
SETS, RATES = ("diabetes", "california_housing"), tuple(made_up.RATES)
COMMON = ["intervals", "intervals", *["tuning"] * 4, "matrix", "matrix", "curves", "profiles", "profiles"]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium found: the page was not opened in a browser")
@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize(
    ("label", "data", "own"),
    [("huber delta=1", SETS, "ranks"), ("huber delta=1", RATES, "robustness"), (EVIL, SETS, "ranks")],
    ids=["sets", "rates", "evil"],
)
def test_a_browser_draws_it_all_in_both_themes_sorts_it_and_nothing_spills(tmp_path, width, label, data, own):
    comparison = relabeled(made_up.comparison(data, tuned=True), "huber delta=1", label)
    comparison["across_data"] = None if own == "robustness" else comparison["across_data"]
    named = {label if name == "huber delta=1" else name: f for name, f in made_up.profiles().items()}
    curves = {label if name == "huber delta=1" else name: f for name, f in made_up.curves().items()}
    path = written(tmp_path, comparison, curves, profiles=named)
    path.write_text(path.read_text("utf-8").replace("</head>", PROBE, 1), "utf-8")
    frame = tmp_path / "frame.html"
    frame.write_text(FRAME.format(width=width), "utf-8")
    found = _opened(frame, tmp_path / "profile")
    assert found["issues"] == []
    assert found["requests"] == []
    assert found["room"] == width
    for theme in (found["light"], found["dark"]):
        assert theme["wide"] <= width
        assert not theme["spill"]
        assert sorted(theme["kinds"]) == sorted([*COMMON, own])
        assert all(theme["charts"])
    assert found["light"]["paper"] != found["dark"]["paper"]
    assert found["light"]["ink"] != found["dark"]["ink"]
    assert len(found["tables"]) > 40
    for column in found["tables"]:
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
