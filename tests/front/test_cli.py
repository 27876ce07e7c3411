"""The command line as a contract: each ending has one clear sentence, what to do next, and its exit code."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dicomproof import cli
from harness.record import read

Said = tuple[int, str]
Run = Callable[..., Said]


@pytest.fixture
def dicomproof(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run a command line in this process, in an empty folder: exit code and everything that was printed."""

    def run(*words: str) -> Said:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.argv", ["dicomproof", *words])
        monkeypatch.setenv("COLUMNS", "200")
        code = cli.guarded()
        captured = capsys.readouterr()
        text = " ".join((captured.out + captured.err).split())
        assert "Traceback" not in text
        return code, text

    return run


@contextlib.contextmanager
def answering(status: int, *headers: tuple[str, str], body: bytes = b"") -> Iterator[str]:
    """A server that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            for name, value in (*headers, ("Content-Length", str(len(body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_OPTIONS = _answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/dicomweb"
    finally:
        server.shutdown()
        server.server_close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["check"], "Missing argument"),
        (["chekc"], "No such command"),
        (["check", "nowhere"], "names no target"),
        (["check", "http://h:0x/"], "no usable address"),
        (["check", "missing.toml"], "There is no target file"),
        (["check", "dimse://h:104"], "names no AE title"),
        (["check", "http://127.0.0.1:1/x", "--dimse", "h:104"], "names no AE title"),
        (["check", "sim:mutant=none"], "There is no mutant"),
        (["check", "sim:control=none"], "There is no control"),
        (["check", "sim:", "--only", "no.such.rule"], "No rule fits"),
        (["check", "sim:", "--edition", "1993"], "choose one of 2020c"),
        (["check", "sim:", "--profile", "ihe.x"], "There is no profile"),
        (["check", "sim:", "--seed", "x"], "valid integer"),
        (["judge", "nothing"], "does not exist"),
        (["rules", "no.such.rule"], "No rule fits"),
        (["mutants", "no.such.mutant"], "No mutant fits"),
        (["simulate", "--web", "nonsense"], "is no address"),
        (["simulate", "--edition", "1993"], "choose one of"),
        (["simulate", "--mutant", "none"], "There is no mutant"),
        (["simulate", "--dimse", "h:104"], "names no AE title"),
        (["simulate", "--dimse", "A@h:104", "--mutant", "no/such"], "There is no mutant"),
        (["observe", "--dimse", "A@127.0.0.1:0", "--only", "search.*"], "No rule fits"),
        (["observe", "--dimse", "A@127.0.0.1:0", "--edition", "1999"], "1999"),
        (["observe", "--dimse", "A@127.0.0.1:0", "--", "no-such-command-here"], "There is no command"),
    ],
)
def test_usage(dicomproof: Run, words: list[str], says: str) -> None:
    code, text = dicomproof(*words)
    assert code == 2
    assert says in text


def test_a_target_file_with_a_mistake(dicomproof: Run, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('[web]\nbase = "http://h/x"\n[alow]\nwrite = false')
    code, text = dicomproof("check", "a.toml")
    assert code == 2
    assert "unknown key 'alow'. Did you mean 'allow'?" in text


def test_a_target_file_that_wants_a_variable(dicomproof: Run, tmp_path: Path) -> None:
    auth = 'auth = { type = "bearer", token_env = "NOT_SET_HERE" }'
    (tmp_path / "a.toml").write_text(f'[web]\nbase = "http://h/x"\n{auth}')
    code, text = dicomproof("check", "a.toml")
    assert code == 2
    assert "NOT_SET_HERE, which is not set. Set it" in text


def test_an_output_folder_that_cannot_be_written(dicomproof: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, text = dicomproof("check", "sim:", "--out", "file/out")
    assert code == 2
    assert "cannot be written" in text
    assert "--out" in text


def test_nobody_there(dicomproof: Run, tmp_path: Path) -> None:
    code, text = dicomproof("check", f"http://127.0.0.1:{free_port()}/dicomweb")
    assert code == 3
    assert "cannot be reached" in text
    assert read(tmp_path / "dicomproof-out").end["reason"] == "unreachable"


def test_no_tls_there(dicomproof: Run) -> None:
    with answering(200) as base:
        code, text = dicomproof("check", base.replace("http:", "https:"))
    assert code == 3
    assert "TLS" in text


def test_credentials_are_wanted(dicomproof: Run, tmp_path: Path) -> None:
    with answering(401, ("WWW-Authenticate", 'Basic realm="x"')) as base:
        code, text = dicomproof("check", base)
    assert code == 3
    assert "wants credentials" in text
    assert "[web.auth]" in text
    assert read(tmp_path / "dicomproof-out").end["exchanges"] == 1


def test_a_web_site_is_no_dicomweb_server(dicomproof: Run) -> None:
    with answering(200, ("Content-Type", "text/html"), body=b"<html>welcome</html>") as base:
        code, text = dicomproof("check", base)
    assert code == 3
    assert "no DICOMweb service" in text
    assert "Base URI" in text


def test_an_address_that_is_taken(dicomproof: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, text = dicomproof("simulate", "--web", f"127.0.0.1:{taken.getsockname()[1]}")
    assert code == 2
    assert "cannot be served" in text


def test_ctrl_c_leaves_a_readable_record(dicomproof: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dicomproof import run

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run._Run, "_give_data", interrupted)
    code, text = dicomproof("check", "sim:web")
    assert code == 130
    assert "Interrupted" in text
    record = read(tmp_path / "dicomproof-out")
    assert record.end["reason"] == "interrupted"
    assert record.end["exchanges"] == 1


def test_help_and_version(dicomproof: Run) -> None:
    code, text = dicomproof("--help")
    assert code == 0
    for command in ("check", "simulate", "judge", "rules", "mutants"):
        assert command in text
    assert dicomproof("--version")[0] == 0


def test_lists(dicomproof: Run) -> None:
    assert "http.content-type-with-payload" in dicomproof("rules", "PS3.18 8.4.2")[1]
    assert "PS3.18-10.4.3.3.7-1" in dicomproof("rules", "--gaps", "PS3.18 10.4")[1]
    assert "forgets_content_type" in dicomproof("mutants", "http.content-type-with-payload*")[1]
    assert "M-MP-01" in dicomproof("mutants", "--defects")[1]


def test_one_rule_alone_and_the_record_judged_again(dicomproof: Run, tmp_path: Path) -> None:
    code, text = dicomproof("check", "sim:", "--only", "http.content-type-with-payload", "--examples", "1")
    assert code == 0, text
    for name in ("run.ndjson", "report.html", "junit.xml", "allure"):
        assert (tmp_path / "dicomproof-out" / name).exists()
    code, text = dicomproof("judge", "dicomproof-out", "--only", "http.content-type-with-payload")
    assert code == 0, text
    assert (tmp_path / "dicomproof-out-again" / "report.html").exists()


def test_a_mutant_is_run_and_killed(dicomproof: Run) -> None:
    code, text = dicomproof("mutants", "http.content-type-with-payload/*", "--run")
    assert code == 0
    assert "killed" in text
