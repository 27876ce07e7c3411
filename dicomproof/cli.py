"""Knows the command line: words, options, exit codes (DESIGN section 8). Scripts depend on it.

Must not know how a run works; it calls what does and shows what came of it.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dicomproof import __version__, catalogue, show, show_watch
from dicomproof import read as reading
from dicomproof.matrix import matrix
from dicomproof.observe import Options as Observed
from dicomproof.observe import observe
from dicomproof.rejudge import rejudge
from dicomproof.run import Options, Result, UsageError, check
from dicomproof.simulate import Options as Simulated
from dicomproof.simulate import entity
from dicomproof.simulate import simulate as serve_simulator
from dicomproof.watch import Options as Watched
from dicomproof.watch import watch
from harness.context import DEFAULT_EDITION, EDITIONS
from harness.record import RecordError
from harness.target import Target, TargetError, parse
from harness.verdict import Exit
from reports import write_all
from reports.words import READ, kind_of_file
from simulators.agents.troupe import Cast

app = typer.Typer(
    name="dicomproof",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Test DICOMweb products against the standard, with evidence; or simulate a partner for them.",
)
out = Console()
err = Console(stderr=True)

EDITION = typer.Option("--edition", "-e", help=f"Edition of the standard to judge against: {', '.join(EDITIONS)}. "
                       f"Default: the target file's, else {DEFAULT_EDITION}.")  # fmt: skip
ONLY = typer.Option(
    "--only", help="Rules to judge: an id, a glob ('search.*'), a service, or a clause ('PS3.18 10.6')."
)
PEER = typer.Option(
    "--peer", help="AET@HOST:PORT of an application entity that the DIMSE side knows, as a destination (repeatable)."
)
WORKLIST = typer.Option("--worklist", help="File of worklist items: DICOM, or DICOM JSON (repeatable).")
MUTANT = typer.Option("--mutant", help="Serve with this seeded defect (repeatable).")
PERFORMERS = typer.Option("--performers", min=0, max=100, help="Agents that claim, update and complete workitems.")
REQUESTERS = typer.Option("--requesters", min=0, max=100, help="Agents that schedule workitems and follow them.")
COMMIT_LATER = typer.Option(
    "--commit-later", min=0, max=1000, help="Times that a commitment asked for over HTTP has no result yet."
)
FORGET = typer.Option(
    "--forget", min=0.0, help="Seconds after which ended workitems without a deletion lock are removed; 0: never."
)
PACE = typer.Option("--pace", min=0.0, help="Seconds that each agent pauses between its steps.")
WEB = "127.0.0.1:8080"
OUT = typer.Option("--out", "-o", help="Folder for run.ndjson, blobs/, report.html, junit.xml and allure/.")


def stop(code: Exit, text: str) -> typer.Exit:
    """One clear sentence on standard error, and the exit code."""
    err.print(text, style="bold red" if code else "", highlight=False, markup=False, soft_wrap=True)
    return typer.Exit(int(code))


@app.command("check")
def check_command(
    target: Annotated[
        str,
        typer.Argument(
            help="sim:, sim:web, sim:dimse, sim:mutant=ID, https://host/dicomweb, dimse://AET@host:port, "
            "or a target file (.toml)."
        ),
    ],
    out_: Annotated[Path, OUT] = Path("dicomproof-out"),
    dimse: Annotated[str, typer.Option("--dimse", help="AET@HOST:PORT of the product, beside its web side.")] = "",
    only: Annotated[str, ONLY] = "",
    edition: Annotated[str, EDITION] = "",
    seed: Annotated[int, typer.Option("--seed", help="The same seed asks the same questions.")] = 0,
    examples: Annotated[int, typer.Option("--examples", min=1, help="Random examples for each property.")] = 25,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=64, help="Probes that run at the same time.")] = 1,
    read_only: Annotated[bool, typer.Option("--read-only", help="Store nothing; find data by searching.")] = False,
    profile: Annotated[
        str | None, typer.Option("--profile", help="An overlay such as an IHE profile (none yet).")
    ] = None,
) -> None:
    """Test a product: ask it, record every octet, judge the record, write the reports."""
    if profile:
        raise stop(Exit.USAGE, f"There is no profile {profile!r}; this version has none yet. Leave --profile out.")
    command = again(target, out_, edition, seed, examples, read_only, dimse)
    options = Options(out_, only, edition, seed, examples, jobs, read_only, command, apart=True)
    result = _checked(_target(target, dimse), options)
    _conclude(result, command)


def again(target: str, out: Path, edition: str, seed: int, examples: int, read_only: bool, dimse: str = "") -> str:
    """The command that runs one rule again as it was run here; {rule} stands for its id."""
    words = ["dicomproof", "check", target, "--only", "{rule}", "--seed", str(seed), "--examples", str(examples)]
    words += ["--dimse", dimse] if dimse else []
    words += ["--edition", edition] if edition else []
    words += ["--read-only"] if read_only else []
    return " ".join(shlex.quote(w) if w != "{rule}" else w for w in words)


def _target(word: str, dimse: str = "") -> Target:
    try:
        return parse(word).beside(dimse) if dimse else parse(word)
    except TargetError as error:
        raise stop(Exit.USAGE, str(error)) from None


def _checked(target: Target, options: Options) -> Result:
    _writable(options.out)
    try:
        with show.progress(out) as events:
            return check(target, options, events)
    except (UsageError, TargetError) as error:
        raise stop(Exit.USAGE, str(error)) from None


def _writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.ndjson").open("a").close()
    except OSError as error:
        raise stop(
            Exit.USAGE, f"The folder {folder} cannot be written: {error.strerror}. Choose another with --out."
        ) from None


def _conclude(result: Result, command: str, kind: show.Kind | None = None) -> None:
    assert result.out is not None
    show.summary(out, result.verdicts, command, result.names, kind)
    try:
        written = write_all(result.out)
    except (OSError, RecordError) as error:
        raise stop(Exit.OURS, result.said or f"The reports could not be written: {error}.") from None
    out.print(f"Record and reports: {', '.join(str(p) for p in written)}", highlight=False, soft_wrap=True)
    if result.said:
        err.print(result.said, highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(int(result.code))


@app.command("read")
def read_command(
    paths: Annotated[list[Path], typer.Argument(help="Files, and folders of them, which are searched whole.")],
    out_: Annotated[Path, OUT] = Path("dicomproof-out"),
    only: Annotated[str, ONLY] = "",
    edition: Annotated[str, EDITION] = "",
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=64, help="Files that are fetched ahead.")] = 1,
    base: Annotated[
        str,
        typer.Option("--base", help="Base URI of the services in a HAR, or its path; found from its URLs by default."),
    ] = "",
) -> None:
    """Judge files: PS3.10, DICOM JSON, Native DICOM XML, captured messages, what a browser recorded (HAR); nobody is
    asked anything."""
    again = reading.command(paths, edition, base)
    options = reading.Options(out_, only, edition, jobs, again, base)
    _writable(out_)
    try:
        with show.files(out) as events:
            result = reading.read(paths, options, events)
    except UsageError as error:
        raise stop(Exit.USAGE, str(error)) from None
    _conclude(result, again, (READ.group, kind_of_file))


@app.command("judge")
def judge_command(
    record: Annotated[Path, typer.Argument(help="run.ndjson, or the folder that holds it.")],
    out_: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the new record; beside the old by default.")
    ] = None,
    only: Annotated[str, ONLY] = "",
    edition: Annotated[str, EDITION] = "",
) -> None:
    """Judge a record again, with today's rules or another edition; nobody is asked anything."""
    try:
        result = rejudge(record, out_, only, edition)
    except (RecordError, UsageError) as error:
        raise stop(Exit.USAGE, str(error)) from None
    _conclude(result, f"dicomproof judge {shlex.quote(str(record))} --only {{rule}}")


@app.command("rules")
def rules_command(
    where: Annotated[
        str, typer.Argument(help="Which: an id, a glob, a service, or a clause such as 'PS3.18 10.6'.")
    ] = "",
    gaps: Annotated[
        bool, typer.Option("--gaps", help="Requirements that no rule verifies, with the reason or without.")
    ] = False,
) -> None:
    """List the rules, where a clause is judged, or what is not judged."""
    try:
        catalogue.show_gaps(out, where) if gaps else catalogue.show_rules(out, where)
    except UsageError as error:
        raise stop(Exit.USAGE, str(error)) from None


@app.command("mutants")
def mutants_command(
    which: Annotated[str, typer.Argument(help="Which: a glob over mutant ids, such as 'search.*'.")] = "*",
    run: Annotated[bool, typer.Option("--run", help="Run the matrix: each mutant must turn its rule red.")] = False,
    door: Annotated[
        bool, typer.Option("--at-the-door", help="With --run: serve each mutant, also those of answers.")
    ] = False,
    defects: Annotated[bool, typer.Option("--defects", help="Known defects, and which mutant imitates each.")] = False,
) -> None:
    """List the seeded defects, or prove that every rule catches its own."""
    if defects:
        catalogue.show_defects(out)
        return
    chosen = catalogue.mutants(which)
    if not chosen:
        raise stop(Exit.USAGE, f"No mutant fits {which!r}; `dicomproof mutants` lists them.")
    if not run:
        catalogue.show_mutants(out, chosen)
        return
    survivors = [row for row in matrix(chosen, out, door) if not row.killed]
    if survivors:
        raise stop(
            Exit.NONCONFORMITY,
            f"{len(survivors)} mutants were not caught by their rule: {', '.join(r.mutant for r in survivors)}",
        )


@app.command("simulate")
def simulate_command(
    web: Annotated[
        str | None, typer.Option("--web", help=f"HOST:PORT to serve DICOMweb at; {WEB} when neither side is named.")
    ] = None,
    dimse: Annotated[str | None, typer.Option("--dimse", help="AET@HOST:PORT to serve DIMSE at.")] = None,
    peer: Annotated[list[str] | None, PEER] = None,
    worklist: Annotated[list[Path] | None, WORKLIST] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of the archive; a temporary one by default.")
    ] = None,
    database: Annotated[
        str | None, typer.Option("--database", help="Database URL of the index; SQLite in the folder by default.")
    ] = None,
    mutant: Annotated[list[str] | None, MUTANT] = None,
    edition: Annotated[str, EDITION] = "",
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="Coerce the patient of an instance to that of its study, and tell so.")
    ] = False,
    performers: Annotated[int, PERFORMERS] = 0,
    requesters: Annotated[int, REQUESTERS] = 0,
    pace: Annotated[float, PACE] = 1.0,
    commit_later: Annotated[int, COMMIT_LATER] = 0,
    forget: Annotated[float, FORGET] = 0.0,
) -> None:
    """Serve the reference simulator until Ctrl-C, with or without seeded defects; both doors lead to one archive."""
    place = web if web is not None else "" if dimse else WEB
    options = Simulated(place, dimse or "", peer or (), worklist or (), data, database, mutant or (),
                        edition or DEFAULT_EDITION, reconcile, Cast(performers, requesters, pace),
                        commit_later, forget)  # fmt: skip
    try:
        serve_simulator(out, options)
    except (UsageError, TargetError) as error:
        raise stop(Exit.USAGE, str(error)) from None


@app.command("observe")
def observe_command(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            help="After --: a command that runs the client, and ends the observation with it; {base}, and {title}, "
            "{host} and {port} of --dimse, in its words stand for our addresses."
        ),
    ] = None,
    web: Annotated[str, typer.Option("--web", help="HOST:PORT where a DICOMweb client finds us.")] = "",
    dimse: Annotated[str, typer.Option("--dimse", help="AET@HOST:PORT where a DIMSE client finds us.")] = "",
    out_: Annotated[Path, OUT] = Path("dicomproof-out"),
    seconds: Annotated[
        float | None, typer.Option("--for", min=0.1, help="Seconds that it lasts; until Ctrl-C by default.")
    ] = None,
    scenario: Annotated[
        str, typer.Option("--scenario", help="Answers that a client must survive; --scenario list names them.")
    ] = "",
    only: Annotated[str, ONLY] = "",
    edition: Annotated[str, EDITION] = "",
    peer: Annotated[list[str] | None, PEER] = None,
    worklist: Annotated[list[Path] | None, WORKLIST] = None,
    load: Annotated[
        list[Path] | None,
        typer.Option("--load", help="DICOM files, or folders of them, to serve; synthetic ones by default."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of the archive that is served; a temporary one by default.")
    ] = None,
    mutant: Annotated[list[str] | None, MUTANT] = None,
    performers: Annotated[int, PERFORMERS] = 0,
    requesters: Annotated[int, REQUESTERS] = 0,
    pace: Annotated[float, PACE] = 1.0,
) -> None:
    """Judge a client: serve it with our simulator, record what it says, and judge that."""
    if scenario == "list":
        show.scenarios(out)
        return
    places = [w for pair in (("--web", web), ("--dimse", dimse), ("--scenario", scenario)) if pair[1] for w in pair]
    again = shlex.join(["dicomproof", "observe", *places, "--only"]) + " {rule}"
    again += f" -- {shlex.join(command)}" if command else ""
    _writable(out_)
    try:
        with show.clients(out) as events:
            options = Observed(out_, entity(dimse) if dimse else None, command or (), seconds, only,
                               edition or DEFAULT_EDITION, [entity(p) for p in peer or ()], worklist or (), data,
                               mutant or (), again, web, scenario, load or (),
                               Cast(performers, requesters, pace))  # fmt: skip
            result = observe(options, events)
    except UsageError as error:
        raise stop(Exit.USAGE, str(error)) from None
    _conclude(result, again)


@app.command("watch")
def watch_command(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            help="After --: a command that runs the client, and ends the watching with it; {base}, and {title}, {host} "
            "and {port} in its words stand for our addresses."
        ),
    ] = None,
    web: Annotated[str, typer.Option("--web", help="Base URI of the server: http:// or https://.")] = "",
    listen: Annotated[str, typer.Option("--listen", help="HOST:PORT where its clients find us.")] = WEB,
    base: Annotated[
        str | None, typer.Option("--base", help="Path of the services, when it is not the one in --web.")
    ] = None,
    dimse: Annotated[str, typer.Option("--dimse", help="AET@HOST:PORT of the acceptor.")] = "",
    listen_dimse: Annotated[
        str, typer.Option("--listen-dimse", help="HOST:PORT where those who call it find us.")
    ] = "127.0.0.1:11112",
    out_: Annotated[Path, OUT] = Path("dicomproof-out"),
    seconds: Annotated[
        float | None, typer.Option("--for", min=0.1, help="Seconds that it lasts; until Ctrl-C by default.")
    ] = None,
    only: Annotated[str, ONLY] = "",
    edition: Annotated[str, EDITION] = "",
    certificate: Annotated[
        Path | None, typer.Option("--certificate", help="PEM file for TLS with the clients of --web.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", help="Its key, when that is in another file.")] = None,
    ca: Annotated[
        Path | None, typer.Option("--ca", help="Authorities to trust for an https:// server; the system's by default.")
    ] = None,
) -> None:
    """Judge two products: stand between them without changing an octet, record what both say, and judge that."""
    told = [("--web", web), ("--listen", listen if web else ""), ("--base", base or ""), ("--dimse", dimse),
            ("--listen-dimse", listen_dimse if dimse else "")]  # fmt: skip
    again = shlex.join(["dicomproof", "watch", *(w for pair in told if pair[1] for w in pair), "--only"]) + " {rule}"
    again += f" -- {shlex.join(command)}" if command else ""
    _writable(out_)
    try:
        with show_watch.watching(out) as events:
            options = Watched(out_, web, listen, base, certificate, key, ca, entity(dimse) if dimse else None,
                              listen_dimse, command or (), seconds, only, edition or DEFAULT_EDITION, again,
                              apart=True)  # fmt: skip
            result = watch(options, events)
    except UsageError as error:
        raise stop(Exit.USAGE, str(error)) from None
    _conclude(result, again)


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"dicomproof {__version__}", highlight=False)
        raise typer.Exit()


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options before the command."""


def main() -> None:
    """The console script: every ending is a sentence and a code, never a traceback for what somebody else did."""
    sys.exit(guarded())


def guarded() -> int:
    try:
        code = app(standalone_mode=False)
        return int(code or 0)
    except typer.Exit as done:
        return int(done.exit_code)
    except KeyboardInterrupt:
        err.print("Interrupted.", highlight=False)
        return 130
    except typer.Abort:
        return 130
    except Exception as error:
        if hasattr(error, "format_message"):  # a usage error of the command line itself
            err.print(f"{error.format_message()} Try `dicomproof --help`.", highlight=False, markup=False)
            return int(Exit.USAGE)
        err.print_exception()
        err.print(
            "This is a fault of dicomproof, not of the target. Please report it with the lines above.", highlight=False
        )
        return int(Exit.OURS)
