from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.recording import Recording, as_json
from tests.cli.cli_world import Receiver, World
from tests.cli.conftest import Run, Start
from tests.pipeline.gateway_world import SECOND_US, START_US

HOOK = "DESTINATION=webhook\nURL=https://receiver.example/hook/planted-path-1c4e\n"


@pytest.fixture
def tried(tmp_path: Path) -> Path:
    """Routes to try: `all` as it is, `critical` takes more than it did, `new` is new."""
    folder = tmp_path / "tried"
    folder.mkdir()
    for name, keys in {"all": "", "critical": "MIN_SEVERITY=medium\n", "new": "ENVIRONMENTS=nobody\n"}.items():
        (folder / f"{name}.env").write_text(HOOK + keys)
    return folder


def an_event(alert_id: str = "A", environment: str = "444", score: int = 83) -> bytes:
    payload = {"alertId": alert_id, "accountId": environment, "score": score, "alertSummary": "A bucket\tis public"}
    return json.dumps({"eventType": "ALERT", "payloadData": payload}).encode()


def written(path: Path, *bodies: bytes, routes: tuple[str, ...] = ("all",), source: str = "optix") -> Path:
    recordings = [
        Recording(f"a-{n}", source, START_US + n * 3600 * SECOND_US, body, routes) for n, body in enumerate(bodies)
    ]
    path.write_text("".join(json.dumps(as_json(recording)) + "\n" for recording in recordings))
    return path


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Three alerts, of which route `all` was told."""
    return written(tmp_path / "recorded.ndjson", an_event(), an_event("B", "https://github.com/Acme"), an_event("C"))


def rows(run: Run, *arguments: str, env: dict[str, str]) -> dict[str, list[str]]:
    result = run("backtest", *arguments, env=env)
    assert (result.exit_code, result.stderr) == (0, "")
    return {name: cells for name, *cells in (row.split("\t") for row in result.stdout.splitlines())}


def document(run: Run, *arguments: str, env: dict[str, str]) -> Any:
    result = run("backtest", "--json", *arguments, env=env)
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout)


def test_each_route_is_a_line_with_what_it_would_send_beside_what_it_sent(run: Run, world: World, tried: Path) -> None:
    for number in range(3):
        world.accept(f"A-{number}")
    found = rows(run, "--routes-dir", str(tried), env=world.env)
    assert found == {
        "all": ["3", "3", "", "3", ""],
        "critical": ["3", "0", "+3", "3", ""],
        "new": ["0", "0", "", "0", ""],
    }


def test_without_a_folder_the_routes_that_run_are_judged_and_nothing_differs(run: Run, world: World) -> None:
    world.accept()
    assert {name: cells[2] for name, cells in rows(run, env=world.env).items()} == {"all": "", "critical": ""}
    assert run("backtest", "--fail-on-change", env=world.env).exit_code == 0


def test_nothing_is_sent(run: Run, recorded: Path, receiver: Receiver, environment: dict[str, str]) -> None:
    assert rows(run, "--file", str(recorded), env=environment)["all"][0] == "3"
    assert receiver.bodies == []


def test_all_pages_are_read(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        world.accept(f"A-{number}")
    monkeypatch.setattr("gateway.web.recordings.MOST_ON_A_PAGE", 2)
    assert document(run, env=world.env)["alerts"] == 5


def test_what_a_gateway_recorded_can_be_kept_and_judged_without_it(
    run: Run, world: World, tried: Path, tmp_path: Path
) -> None:
    world.accept()
    kept = tmp_path / "kept.ndjson"
    asked = document(run, "--routes-dir", str(tried), "--save", str(kept), env=world.env)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    nowhere = {"GATEWAY_OPS_LISTEN": "127.0.0.1:1"}
    assert document(run, "--routes-dir", str(tried), "--file", str(kept), env=nowhere) == asked
    assert [path.name for path in tmp_path.glob("kept*")] == ["kept.ndjson"]


def test_what_was_silenced_is_silenced_in_the_backtest_too_and_kept_with_the_alerts(
    run: Run, world: World, tmp_path: Path
) -> None:
    asked = ("--all", "--for", "1h", "--drop", "--reason", "work", "--author", "me")
    added = run("silences", "add", *asked, env=world.env)
    world.accept()
    run("silences", "end", added.stdout.partition(":")[0], env=world.env)
    world.accept("A-2")
    kept = tmp_path / "kept.ndjson"
    found = document(run, "--save", str(kept), env=world.env)
    assert (found["alerts"], found["silences"], found["differs"]) == (2, 1, False)
    assert [(route["told"], route["left_out"]) for route in found["routes"]] == [(1, {"silenced": 1}), (0, {})]
    assert document(run, "--file", str(kept), env=world.env) == found
    assert document(run, "--file", str(kept), "--since", "2100-01-01", env=world.env)["silences"] == 0


def test_a_gateway_of_an_older_release_has_alerts_and_no_silences(
    run: Run, environment: dict[str, str], recorded: Path
) -> None:
    with older_gateway(recorded.read_text().splitlines()) as place:
        found = document(run, "--url", place, env=environment)
    assert (found["alerts"], found["silences"]) == (3, 0)


@contextmanager
def older_gateway(lines: list[str]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path.startswith("/api/v1/recordings?")
            said = {"recordings": list(map(json.loads, lines)), "next": None} if known else {"error": "nothing here"}
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_only_the_time_the_source_and_the_environment_that_are_asked_for(
    run: Run, world: World, recorded: Path
) -> None:
    world.accept()
    assert document(run, "--since", "1h", env=world.env)["alerts"] == 1
    assert document(run, "--source", "acme", env=world.env)["alerts"] == 0
    assert document(run, "--environment", "nobody", env=world.env)["alerts"] == 0
    of_file = ("--file", str(recorded))
    for narrowed, alerts in (
        ((), 3),
        (("--environment", "HTTPS://github.com/acme"), 1),
        (("--source", "acme"), 0),
        (("--since", "2023-11-14T23:00:00Z"), 2),
    ):
        assert document(run, *of_file, *narrowed, env=world.env)["alerts"] == alerts


def test_a_change_is_a_failure_where_that_is_asked_for(run: Run, recorded: Path, tried: Path) -> None:
    judged = ("backtest", "--routes-dir", str(tried), "--file", str(recorded))
    assert run(*judged).exit_code == 0
    assert run(*judged, "--fail-on-change").exit_code == 1


def test_examples_are_listed_below_the_routes(run: Run, recorded: Path, tried: Path) -> None:
    (tried / "all.env").write_text(HOOK + "MIN_SEVERITY=critical\n")
    (tried / "critical.env").unlink()
    result = run("backtest", "--routes-dir", str(tried), "--file", str(recorded), "--examples")
    above, _, below = result.stdout.partition("\n\n")
    assert above.splitlines()[0] == "all\t0\t3\t-3\t0\t3 refused by MIN_SEVERITY"
    told, route, alert, moment, severity, summary, said = below.splitlines()[0].split("\t")
    assert (told, route, alert, moment) == ("no longer", "all", "a-0", "2023-11-14 22:13:20")
    assert (severity, summary) == ("high", "A bucket is public")
    assert said.startswith("told -> MIN_SEVERITY: ")
    assert len(below.splitlines()) == 3


def test_no_secret_of_a_route_is_printed(run: Run, recorded: Path, tried: Path) -> None:
    for form in ("--examples", "--json"):
        assert "planted" not in run("backtest", "--routes-dir", str(tried), "--file", str(recorded), form).output


def test_nothing_recorded_is_said(run: Run, world: World) -> None:
    result = run("backtest", env=world.env)
    assert (result.exit_code, result.stderr) == (0, "Nothing was recorded in that time.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--routes-dir", "/nowhere/at/all"), "--routes-dir is /nowhere/at/all, and there is no such folder."),
        (("--file", "/nowhere/recorded.ndjson"), "/nowhere/recorded.ndjson cannot be read: no such file or directory."),
        (("--file", "{recorded}", "--since", "soon"), "--since is 'soon'."),
        (("--file", "{recorded}", "--save", "/nowhere/kept"), "/nowhere/kept.part cannot be written: no such file"),
        (("--file", "{broken}"), "{broken}, line 2: this is no recording: it is not an object."),
        ((), "No gateway answers at http://127.0.0.1:1:"),
    ],
)
def test_what_cannot_be_done_is_said_with_exit_code_2(
    run: Run, recorded: Path, tried: Path, arguments: tuple[str, ...], said: str
) -> None:
    broken = recorded.with_name("broken.ndjson")
    broken.write_text(recorded.read_text().splitlines()[0] + "\nnonsense\n")
    places = {"{recorded}": str(recorded), "{broken}": str(broken)}
    env = {"GATEWAY_OPS_LISTEN": "127.0.0.1:1", "GATEWAY_ROUTES_DIR": str(tried)}
    result = run("backtest", *(places.get(argument, argument) for argument in arguments), env=env)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(said.replace("{broken}", str(broken)))


def test_a_mistake_in_the_tried_routes_is_said_with_its_place(run: Run, recorded: Path, tried: Path) -> None:
    (tried / "all.env").write_text(HOOK + "MIN_SEVERTY=high\n")
    result = run("backtest", "--routes-dir", str(tried), "--file", str(recorded))
    assert result.exit_code == 2
    assert "all.env" in result.stderr


def test_the_token_is_needed_and_its_lack_is_said(run: Run, start: Start) -> None:
    world = start(GATEWAY_OPS_TOKEN="planted-ops-token-6d1f")
    result = run("backtest", env=world.env | {"GATEWAY_OPS_TOKEN": "another-token-that-is-wrong"})
    assert (result.exit_code, result.stderr.splitlines()[0]) == (2, "The ops token is missing or wrong.")
    assert run("backtest", env=world.env).exit_code == 0


def test_what_a_receiver_would_be_told_once_is_left_out_by_its_word(run: Run, tmp_path: Path, tried: Path) -> None:
    repeated = written(tmp_path / "repeated.ndjson", an_event(), an_event(), an_event(), an_event("B"))
    (tried / "all.env").write_text(HOOK + "FORMAT=alert\nNOTIFY=new\nGROUP_BY=environment\nGROUP_WAIT=10m\n")
    result = run("backtest", "--routes-dir", str(tried), "--file", str(repeated))
    assert result.stdout.splitlines()[0] == "all\t2\t4\t-2\t2\t2 unchanged"
