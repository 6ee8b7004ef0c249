"""The README and the documentation agree with the code."""

import importlib.util
import itertools
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from lossbench import registry
from lossbench.config.check import check
from lossbench.config.compose import compose_config, plain, register

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\S*)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
FENCED = re.compile(r"^```.*?^```$", flags=re.DOTALL | re.MULTILINE)
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def text_of(page):
    return page.read_text("utf-8")


def inline_code(page):
    return re.findall(r"`([^`\n]+)`", FENCED.sub("", text_of(page)))


def commands_of(page, program):
    """Every command of a program that a page shows, in a block or in a line, split into arguments."""
    lines = [line for _, block in BLOCK.findall(text_of(page)) for line in block.splitlines()]
    shown = [line for line in [*lines, *inline_code(page)] if re.match(rf"python {program}\b", line)]
    return [shlex.split(line, comments=True)[1:] for line in shown if "..." not in line]


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", FENCED.sub("", text_of(page)), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def jobs_of(arguments):
    """The overrides of every job that a command starts."""
    overrides = [word for word in arguments if not word.startswith("-")]
    launcher = ("hydra/launcher=", "hydra.launcher.")  # the launchers need packages of their own
    parsed = OverridesParser.create().parse_overrides([o for o in overrides if not o.startswith(launcher)])
    choices = [
        [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]
        if override.is_sweep_override()
        else [override.input_line]
        for override in parsed
    ]
    return list(itertools.product(*choices))


def test_the_readme_is_short_and_begins_with_exactly_two_commands():
    assert len(text_of(README).splitlines()) <= 150
    lines = BLOCK.findall(text_of(README))[0][1].splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("python train.py loss=huber loss.delta=2")
    assert lines[1].endswith("python -m pytest")
    assert all(line.startswith("python -m pip install -c constraints.txt") for line in lines)


def test_generated_parts_are_up_to_date():
    specification = importlib.util.spec_from_file_location("pages", ROOT / "scripts" / "generate_docs.py")
    generator = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(generator)
    generated = {name for page in PAGES for name in generator.blocks(text_of(page))}
    assert {"losses", "tasks", "reference", "data", "optimizer"} <= generated
    for page in PAGES:
        assert generator.replaced(text_of(page)) == text_of(page), f"{page}: run scripts/generate_docs.py"


@pages
def test_every_relative_link_and_image_exists(page):
    text = FENCED.sub("", text_of(page))
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        included = re.findall(r"^```\{include\} (\S+)", text_of(target), re.M) if path.endswith(".md") else []
        if anchor:
            whole = [target, *((target.parent / name).resolve() for name in included)]
            assert anchor in set().union(*map(anchors, whole)), link


def test_every_page_is_in_the_table_of_contents():
    listed = set(re.findall(r"^(\w+)$", text_of(ROOT / "docs" / "index.md"), flags=re.MULTILINE))
    assert listed == {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}


@pytest.mark.slow
@pages
def test_every_training_that_a_page_shows_has_a_config_without_issues(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.csv").touch()  # the reader's own table
    register()
    for arguments in commands_of(page, "train.py"):
        words = arguments[1:]
        if {"--help", "--version", "-sc", "-p"} & set(words):
            continue
        if "loss.detla=2" in words:  # the example of a wrong config, which another test runs
            continue
        for job in jobs_of([word for word in words if word != "job"]):
            check(plain(compose_config(*job)))


@pages
def test_every_script_and_option_that_a_page_shows_exists(page):
    for name, *arguments in commands_of(page, "scripts/"):
        script = ROOT / name
        assert script.exists(), name
        command = ROOT / "lossbench" / "cli" / script.name
        source = text_of(script) + (text_of(command) if command.exists() else "")
        for option in (word for word in arguments if word.startswith("--")):
            assert f'"{option}"' in source, f"{name} {option}"


@pages
def test_examples_are_answered_as_the_page_says(page, train):
    for _, block in BLOCK.findall(text_of(page)):
        if block.startswith("$ python train.py"):
            command, _, answer = block.partition("\n")
            assert train(*command.split()[3:]).err.strip() == answer.strip()


@pages
def test_every_file_and_module_that_a_page_names_exists(page):
    for code in inline_code(page):
        if re.fullmatch(r"(lossbench|scripts|conf|tests|docs|\.ci)/[\w./-]*", code):
            assert (ROOT / code).exists(), code
        for name in re.findall(r"\blossbench(?:\.[a-zA-Z_]\w*)+", code):
            *package, last = name.split(".")
            inside = ROOT.joinpath(*package)
            sources = [inside.with_suffix(".py"), inside / "__init__.py", inside / "__init__.pyi"]
            defined = any(last in text_of(source) for source in sources if source.exists())
            assert defined or (inside / last).is_dir() or (inside / f"{last}.py").exists(), code


def test_every_claim_of_the_founding_documents_has_an_implementation_and_a_test():
    table = text_of(ROOT / "tests" / "documents.md")
    rows = re.findall(r"^\| (\d+) \| [^|]+ \|(.*)\| `([\w/]+\.py)::(\w+)` \|$", table, flags=re.MULTILINE)
    assert [int(number) for number, *_ in rows] == list(range(1, 96))
    folders = (ROOT, ROOT / "lossbench", ROOT / "tests")
    for _, implementation, file, test in rows:
        for path in re.findall(r"`([\w/]+\.py)`", implementation):
            assert any((folder / path).exists() for folder in folders), path
        assert f"def {test}(" in text_of(ROOT / "tests" / file), f"{file}::{test}"


def diffs():
    contributing = text_of(ROOT / "CONTRIBUTING.md")
    return [block for language, block in BLOCK.findall(contributing) if language == "diff"]


@pytest.mark.parametrize("diff", diffs(), ids=lambda diff: re.findall(r"\w+\.\w+$", diff, re.M)[0])
def test_the_worked_examples_apply_to_the_code(diff, tmp_path):
    paths = set(re.findall(r"^(?:---|\+\+\+) [ab]/(\S+)$", diff, flags=re.MULTILINE))
    for path in paths:
        if (ROOT / path).exists():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, tmp_path / path)
    command = ["git", "apply", "--check", "-C1", "-"]
    applied = subprocess.run(command, cwd=tmp_path, input=diff, text=True, capture_output=True)
    assert applied.returncode == 0, applied.stderr


def test_no_presets_or_choices_are_unknown():
    """Choices that a page names as ``group=NAME`` exist."""
    for page, group in itertools.product(PAGES, ("experiment", "optimizer", "schedule", "regularizer")):
        names = re.findall(rf"\b{group}=([a-z]\w*)", text_of(page))
        assert set(names) <= set(registry.names(group)), (page.name, group)
