"""Train on the real tables of the corpus with default settings, and compare with baselines.

python scripts/study_tables.py --workers 2 --out outputs/tables --page docs/tables_study.md
python scripts/study_tables.py --only-readings

A study that is started again in the same folder goes on where it stopped.
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from study.corpus import Entry, chosen, write
from study.page import page
from study.reading import read
from study.records import LONGER, RECORDS, TABLES, read_records, study, study_longer
from study.summary import is_stable, judged, share, summary

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def show_readings(entries: Sequence[Entry], out: Path) -> None:
    """Print the targets that lossbench does not read as an expert does."""
    right = []
    for entry in entries:
        reading = read(entry, write(entry, out / TABLES))
        right.append(reading.agrees_with(entry))
        if not right[-1]:
            says = reading.task or f"refused: {reading.refusal}"
            print(
                f"{entry.key}: {entry.target} ({entry.kind}) is {' or '.join(entry.reading)}; read as {says}"
            )
    print(f"read as an expert does: {share(right)}")


def work(
    task: Callable[[Entry, Path, int], dict[str, Any]],
    entries: Sequence[Entry],
    out: Path,
    seeds: int,
    workers: int,
) -> None:
    """Study the tables in several processes of one thread each, the largest tables first."""
    sizes = {entry: write(entry, out / TABLES).stat().st_size for entry in entries}
    started = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        ordered = sorted(entries, key=sizes.__getitem__, reverse=True)
        futures = {pool.submit(task, entry, out, seeds): entry for entry in ordered}
        for done, future in enumerate(as_completed(futures), 1):
            outcome = future.result().get("error", "done")
            seconds = time.perf_counter() - started
            print(f"{done}/{len(futures)} {seconds:.0f} s {futures[future].key}: {outcome}", flush=True)


def report(entries: Sequence[Entry], out: Path, path: Path | None) -> None:
    """Print the figures over all tables, and write the page if asked."""
    records = read_records(out, RECORDS, entries)
    failures = [record["key"] for record in records if "error" in record]
    judgements = [judged(record) for record in records if "error" not in record]
    longer = [record for record in read_records(out, LONGER, entries) if "error" not in record]
    lines = summary(judgements, longer)
    for name, value in lines.items():
        print(f"{name}: {value}")
    if failures:
        print(f"without scores: {', '.join(failures)}")
    changed = [record["key"] for record in longer if not is_stable(record)]
    if changed:
        print(f"changed by ten times the budget: {', '.join(changed)}")
    if path is not None and records:
        path.write_text(page(judgements, lines, records[0]["seeds"], failures), "utf-8")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("outputs/tables"), help="the folder of the records")
    parser.add_argument("--page", type=Path, help="write the table into this Markdown file")
    parser.add_argument("--tables", metavar="KEY,...", help="study only these tables")
    parser.add_argument("--seeds", type=int, default=20, help="replicates of each loss")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes of one thread each")
    parser.add_argument("--only-readings", action="store_true", help="compare only how targets are read")
    parser.add_argument("--long", action="store_true", help="also train with ten times the budget")
    options = parser.parse_args()
    os.environ.update(dict.fromkeys(THREADS, "1"))  # for the processes that are started below
    entries = chosen(options.tables.split(",") if options.tables else None)
    out = options.out.resolve()
    if options.only_readings:
        show_readings(entries, out)
        return
    work(study, entries, out, options.seeds, options.workers)
    if options.long:
        work(study_longer, entries, out, options.seeds, options.workers)
    report(entries, out, options.page)


if __name__ == "__main__":
    main()
