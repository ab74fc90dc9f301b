"""Results as Markdown.

report.py [RESULT.json]     writes the table of a result (the newest in bench/results by default) into
                            docs/performance.md, between its two marks
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from summary import Figure, counted, ratio, values, verdict

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "performance.md"
BEGIN, END = "<!-- written by bench/report.py -->", "<!-- end -->"

Result = Mapping[str, Any]

IDLE_LIMIT, START_LIMIT = 150.0, 2.0
"""MiB with the Valkey; seconds to the first answer."""
VALIDATION_ASKED = 0.7
FULL = 0.9
"""A load that uses more than that of its core was the limit itself."""


def rates(result: Result) -> list[str]:
    """The table of endpoints."""
    lines = [
        (
            "| endpoint | ours /s | floor F /s | ours ÷ F | asked · goal | | CPU µs ours · F | oidc-provider /s |"
            " ours ÷ it | p99 ms ours · F · it |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case in result["cases"]:
        if case["error"] is not None:
            lines.append(f"| {case['title']} | **failed**: {case['error']} | | | | | | | | |")
            continue
        rounds, disturbed = counted(case["rounds"], result["options"]["rounds"])
        beside = ratio(rounds, "ours", case["floor"])
        peer = ratio(rounds, "ours", "peer")
        marks = "†" * disturbed + "‡" * _full(rounds)
        asked = case["asked"]
        lines.append(
            "| "
            + " | ".join(
                (
                    f"{case['title']}{' ' if marks else ''}{marks}",
                    _rate(values(rounds, "ours")),
                    _rate(values(rounds, case["floor"])),
                    f"**{_ratio(beside)}**" if beside is not None else "",
                    "" if asked is None else f"{asked:g} · {case['goal'] or asked:g}",
                    verdict(beside.middle, asked, case["goal"]) if beside is not None else "",
                    _pair([values(rounds, role, "cpu") for role in ("ours", case["floor"])], ",.0f"),
                    _rate(values(rounds, "peer")),
                    (_ratio(peer) + (" behind" if peer.middle < 1 else "")) if peer is not None else "",
                    _pair([values(rounds, role, "p99") for role in ("ours", case["floor"], "peer")], ".3g"),
                )
            )
            + " |"
        )
    return lines


def starlette(result: Result) -> list[str]:
    """What an obvious implementation reaches."""
    lines = []
    for case in result["cases"]:
        if case["error"] is None:
            rounds, _ = counted(case["rounds"], result["options"]["rounds"])
            beside, ours = ratio(rounds, "starlette", "floor"), ratio(rounds, "ours", "starlette")
            if beside is not None and ours is not None:
                rate = _rate(values(rounds, "starlette"))
                lines.append(f"| {case['title']} | {rate} | {_ratio(beside)} | {_ratio(ours)} |")
    if not lines:
        return []
    return ["", "| bare Starlette route | /s | it ÷ F | ours ÷ it |", "|---|---|---|---|", *lines]


def validation(result: Result) -> list[str]:
    if not result.get("validation"):
        return []
    lines = [
        "",
        "| `validate_access_token` | /s | ÷ bare `cryptography` verify | asked | | ÷ PyJWT |",
        "|---|---|---|---|---|---|",
    ]
    for alg, turns in result["validation"].items():
        rounds = [{role: {"rate": rate} for role, rate in turn.items()} for turn in turns]
        beside, pyjwt = ratio(rounds, "ours", "bare"), ratio(rounds, "ours", "pyjwt")
        assert beside is not None
        assert pyjwt is not None
        asked = VALIDATION_ASKED if alg == "ES256" else None
        lines.append(
            f"| {alg} | {_rate(values(rounds, 'ours'))} | **{_ratio(beside)}** | {asked or ''} "
            f"| {verdict(beside.middle, asked, None)} | {_ratio(pyjwt)} |"
        )
    return lines


def life(result: Result) -> list[str]:
    found = result.get("lifecycle")
    if not found:
        return []
    idle, sessions = found["idle"], found["sessions"]
    rss = idle["server_rss"] + idle["valkey_rss"]
    pss = idle["server_pss"] + idle["valkey_pss"]
    fresh, again, stop = (Figure.of(found[name]) for name in ("start_fresh", "start_again", "stop"))
    ready = "met" if max(fresh.middle, again.middle) < START_LIMIT else "missed"
    return [
        "",
        "| start, memory | | asked | |",
        "|---|---|---|---|",
        f"| first answer, fresh folder · used one | {fresh.middle:.2f} · {again.middle:.2f} s | {START_LIMIT:g} s | {ready} |",
        (
            f"| idle, with Valkey: RSS (PSS) | {rss:.0f} ({pss:.0f}) MiB: server {idle['server_rss']:.0f}"
            f" ({idle['server_pss']:.0f}), Valkey {idle['valkey_rss']:.0f} ({idle['valkey_pss']:.0f}) | {IDLE_LIMIT:g} MiB"
            f" | {'met' if rss < IDLE_LIMIT else 'missed'} |"
        ),
        (
            f"| {sessions['count']:,} sessions | {sessions['valkey_used']:.1f} MiB in Valkey (RSS {sessions['valkey_rss']:+.1f}),"
            f" {sessions['server_rss']:+.1f} MiB in the server | | |"
        ),
        f"| SIGTERM to the end, idle | {stop.middle:.2f} s | | |",
        *_after_load(result),
    ]


def _after_load(result: Result) -> list[str]:
    rss = result.get("rss_after_load")
    return [f"| server after all the load above: RSS | {rss:.0f} MiB | | |"] if rss else []


def notes(result: Result) -> list[str]:
    machine, options = result["machine"], result["options"]
    versions = {**machine["libraries"], **result["versions"]}
    median, slow = result["flush_ms"]
    lines = [
        "",
        f"{result['date']}, {machine['cores']} cores ({machine['processor']}), {machine['memory_gib']} GiB, "
        f"{machine['system']}, Python {machine['python']}. {options['rounds']} rounds of {options['seconds']} s, "
        f"{result['connections']} connections. A durable write of 4 KiB took {median:.2g} ms (90 %: {slow:.2g} ms)."
        + (" Both cores are threads of one." if machine["siblings"] else ""),
        "",
        ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
    ]
    legend = {
        "†": "disturbed: the machine had other work, and too few runs went without",
        "‡": "the load's core was full",
    }
    text = "\n".join(rates(result))
    lines += [f"\n{mark} {meaning}." for mark, meaning in legend.items() if mark in text]
    remarks = [f"- {case['title']}: {remark}" for case in result["cases"] for remark in case["remarks"]]
    return [*lines, *(["", *remarks] if remarks else []), *(f"\n{sentence}." for sentence in result["missing"])]


def markdown(result: Result) -> str:
    return "\n".join((*rates(result), *starlette(result), *validation(result), *life(result), *notes(result))) + "\n"


def _full(rounds: list[Mapping[str, Mapping[str, Any]]]) -> bool:
    return any(
        (busy := values(rounds, role, "load_busy")) is not None and busy.middle > FULL for role in ("ours", "floor")
    )


def _rate(figure: Figure | None) -> str:
    if figure is None:
        return ""
    digits = 0 if figure.middle >= 100 else 1
    return f"{figure.middle:,.{digits}f} ±{figure.spread / 2:.0%}"


def _ratio(figure: Figure) -> str:
    return f"{figure.middle:.2f} ({figure.least:.2f}–{figure.most:.2f})"  # noqa: RUF001 - a range


def _pair(figures: list[Figure | None], form: str) -> str:
    return " · ".join(f"{figure.middle:{form}}" for figure in figures if figure is not None)


def into_page(page: Path, table: str) -> None:
    """Put the table between the marks of a page."""
    text = page.read_text()
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"{page.name} has no marks to write between: {BEGIN} and {END}")
    page.write_text(pattern.sub(lambda _: f"{BEGIN}\n\n{table}\n{END}", text))


def newest() -> Path:
    found = sorted(RESULTS.glob("*.json"))
    if not found:
        raise SystemExit("there is no result in bench/results yet: run make bench")
    return found[-1]


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else newest()
    into_page(PAGE, markdown(json.loads(path.read_text())))
    print(f"docs/performance.md has the results of {path.name}")


if __name__ == "__main__":
    main()
