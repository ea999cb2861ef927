from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import gateway
from gateway.telemetry.events import EVENTS

LEVELS = frozenset({"debug", "info", "warning", "error", "critical", "exception"})


def events_of(source: str) -> set[str]:
    """The event of every call that logs: `log.info("a.b")`, also through a name that holds the method or the event."""
    tree = ast.parse(source)
    scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {name for scope in scopes for call in _logging_calls(scope) for name in _texts(call.args[0], scope)}


def _logging_calls(scope: ast.AST) -> Iterator[ast.Call]:
    calls = (node for node in ast.walk(scope) if isinstance(node, ast.Call) and node.args)
    return (call for call in calls if any(_is_method(found) for found in _values(call.func, scope)))


def _is_method(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in LEVELS


def _texts(node: ast.expr, scope: ast.AST) -> Iterator[str]:
    for found in _values(node, scope):
        assert isinstance(found, ast.Constant), f"line {node.lineno}: an event that is not written out"
        yield str(found.value)


def _values(node: ast.expr, scope: ast.AST) -> Iterator[ast.expr]:
    """What an expression may be, through conditions and names that the function assigns."""
    if isinstance(node, ast.IfExp):
        yield from _values(node.body, scope)
        yield from _values(node.orelse, scope)
    elif isinstance(node, ast.Name):
        for assigned in _assigned(node.id, scope):
            yield from _values(assigned, scope)
    else:
        yield node


def _assigned(name: str, scope: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            yield node.value


def logged_names() -> set[str]:
    root = Path(gateway.__file__).parent
    return {name for path in root.rglob("*.py") for name in events_of(path.read_text("utf-8"))}


def test_the_search_finds_events_however_they_are_logged() -> None:
    source = """
def f(self, log, bad):
    log.info("a.one", x=1)
    self._log.bind().warning("a.two")
    structlog.get_logger().error("a.three", exc_info=True)
    report = log.error if bad else log.warning
    report("a.four" if bad else "a.five")
    event = "a.six" if bad else "a.seven"
    log.info(event)
    other("a.no")
"""
    assert events_of(source) == {f"a.{n}" for n in ("one", "two", "three", "four", "five", "six", "seven")}


def test_every_event_that_is_logged_is_in_the_list() -> None:
    assert logged_names() - EVENTS.keys() == set()


def test_the_list_names_no_event_that_is_never_logged() -> None:
    assert EVENTS.keys() - logged_names() == set()


def test_event_names_are_a_noun_and_a_past_verb_joined_by_a_point() -> None:
    assert [name for name in EVENTS if not re.fullmatch(r"[a-z]+\.[a-z_]+", name)] == []
