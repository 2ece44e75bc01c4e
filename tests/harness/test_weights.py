"""The weights table: what is verified, what is refused, and that nothing half-written ever gets the final name."""

from __future__ import annotations

import ast
import hashlib
import io
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness import weights
from harness.errors import EXIT_MISSING, MissingError, UsageError
from harness.fetching import fetch, pin_of
from tests.places import ROOT
from verbs import weights as weights_verb

GOOD = bytes(range(256)) * 40
SHA = hashlib.sha256(GOOD).hexdigest()
REVISION, LATER = "1" * 40, "2" * 40


def _zipped(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, content)
    return stream.getvalue()


ZIP = _zipped("a/in.bin", GOOD)


class _Server(BaseHTTPRequestHandler):
    """/good serves GOOD (with ranges), /cut promises more than it sends, /other serves other bytes, /page a web page.

    /…/resolve/BRANCH OR REVISION/NAME sends on to /NAME as Hugging Face does: its revision and the file's SHA-256 stand
    in that first answer alone. /drive is a mirror's page at first and the file later.
    """

    requests: list[tuple[str, str | None]]
    main = REVISION

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.requests.append((self.path, wanted))
        if self.path == "/missing":
            self.send_error(404)
            return
        if "/resolve/" in self.path:
            place, name = self.path.split("/resolve/")[1].split("/")
            self.send_response(302)
            self.send_header("Location", f"/{name}")
            self.send_header("X-Repo-Commit", self.main if place == "main" else place)
            self.send_header("X-Linked-Etag", f'"{SHA}"')
            self.end_headers()
            return
        body = {"/other": b"other" * 50, "/zip": ZIP}.get(self.path, GOOD)
        first = int(wanted.split("=")[1].rstrip("-")) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(body) - first))
        if self.path == "/page":
            self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body[first : 5000 if self.path == "/cut" else None])

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[_Server]]:
    """A web server, a table that points at it, and an empty cache."""
    handler = type("Handler", (_Server,), {"requests": [], "main": REVISION})
    web = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=web.serve_forever, args=(0.02,), daemon=True).start()
    root = f"http://127.0.0.1:{web.server_address[1]}"
    rows = tmp_path / "weights.toml"
    rows.write_text(
        f'[good]\nurl = "{root}/good"\nsha256 = "{SHA}"\nbytes = {len(GOOD)}\nlicence = "MIT"\ngroups = ["both"]\n'
        f'[open]\nfile = "open.bin"\nurl = "{root}/good"\ngroups = ["both"]\n'
        f'[tampered]\nurl = "{root}/other"\nsha256 = "{SHA}"\n'
        f'[cut]\nfile = "cut"\nurl = "{root}/cut"\nsha256 = "{SHA}"\n'
        f'[gone]\nurl = "{root}/missing"\n'
        f'[mirrored]\nurl = "{root}/missing"\nmirrors = ["{root}/other", "{root}/good"]\nsha256 = "{SHA}"\n'
        f'[member]\nfile = "in.bin"\nurl = "{root}/zip"\nmember = "a/in.bin"\nsha256 = "{SHA}"\n'
        f'[no-member]\nfile = "in.bin"\nurl = "{root}/zip"\nmember = "b.bin"\n'
        f'[prefix]\nurl = "{root}/good"\nsha256 = "{SHA[:8]}"\n'
        '[byhand]\nfile = "by hand.pth"\nsource = "https://example.org/page"\nlicence = "NC"\ngroups = ["mixed"]\n'
        f'[hub]\nfile = "hub.bin"\nurl = "{root}/hub/resolve/main/good"\nlicence = "MIT"\n'
        f'[lying]\nfile = "lying.bin"\nurl = "{root}/hub/resolve/main/other"\n'
        f'[drive]\nfile = "drive.bin"\nurl = "{root}/page"\nmirrors = ["{root}/hub/resolve/main/good"]\n'
        f'[half]\nfile = "half.bin"\nurl = "{root}/cut"\nmirrors = ["{root}/good"]\n'
        f'[mixed-web]\nurl = "{root}/good"\ngroups = ["mixed"]\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(weights, "TABLE", rows)
    monkeypatch.setenv("CMET_BENCH_CACHE", str(tmp_path / "cache ü '"))
    yield handler
    web.shutdown()
    web.server_close()


def _statuses(states: list[weights.State]) -> dict[str, str]:
    return {state.entry.name: state.status for state in states}


def test_fetch_verifies_renames_and_locates(server: type[_Server]) -> None:
    seen: list[tuple[str, int, int]] = []
    states = fetch(["good"], lambda *news: seen.append(news))
    assert _statuses(states) == {"good": "verified"}
    assert states[0].published
    assert seen[-1] == ("good", len(GOOD), len(GOOD))
    path = weights.locate("good")
    assert path.read_bytes() == GOOD
    assert [p.name for p in path.parent.iterdir()] == ["good"]
    fetch(["good"])
    assert len(server.requests) == 1  # what is here and right is not fetched again


def test_a_group_fetches_all_and_unpublished_files_are_only_recorded(server: type[_Server]) -> None:
    states = fetch(["both"])
    assert _statuses(states) == {"good": "verified", "open": "new"}
    assert not states[1].published
    assert _statuses(weights.verify(["both"])) == {"good": "verified", "open": "recorded"}
    weights.locate("open").write_bytes(b"changed")
    with pytest.raises(MissingError, match=f"expected SHA-256 {SHA}, found"):
        weights.locate("open")
    assert _statuses(fetch(["open"])) == {"open": "new"}  # fetched again and recorded afresh
    assert weights.locate("open").read_bytes() == GOOD


def test_a_file_dropped_into_the_cache_is_taken_if_its_hash_is_right(server: type[_Server]) -> None:
    path = weights.cached_path(weights.table()["good"])
    path.parent.mkdir(parents=True)
    path.write_bytes(GOOD)
    assert weights.locate("good") == path
    path.write_bytes(GOOD[:-1])
    with pytest.raises(MissingError, match=rf"10239 of 10240 bytes.*expected SHA-256 {SHA}") as refused:
        weights.locate("good")
    assert refused.value.exit_code == EXIT_MISSING
    assert "weights fetch good" in refused.value.cure
    assert "weights list" not in str(refused.value)


def test_wrong_bytes_never_get_the_final_name(server: type[_Server]) -> None:
    with pytest.raises(MissingError, match="thrown away"):
        fetch(["tampered"])
    folder = weights.cached_path(weights.table()["tampered"]).parent
    assert list(folder.iterdir()) == []


def test_a_cut_transfer_goes_on_where_it_stopped(server: type[_Server], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingError, match="cut"):
        fetch(["cut"])
    path = weights.cached_path(weights.table()["cut"])
    assert not path.exists()
    assert path.with_name("cut.part").stat().st_size == 5000
    rows = weights.TABLE.read_text(encoding="utf-8").replace("/cut", "/good")
    second = weights.TABLE.with_name("second.toml")
    second.write_text(rows, encoding="utf-8")
    monkeypatch.setattr(weights, "TABLE", second)
    assert _statuses(fetch(["cut"])) == {"cut": "verified"}
    assert server.requests[-1] == ("/good", "bytes=5000-")
    assert path.read_bytes() == GOOD


def test_server_refusal_and_no_network_are_one_sentence(server: type[_Server], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingError, match="404"):
        fetch(["gone"])
    rows = weights.TABLE.with_name("offline.toml")
    rows.write_text('[far]\nurl = "http://127.0.0.1:9/file.pt"\n', encoding="utf-8")
    monkeypatch.setattr(weights, "TABLE", rows)
    with pytest.raises(MissingError, match=r"file\.pt cannot be fetched from") as offline:
        fetch(["far"])
    assert offline.value.exit_code == EXIT_MISSING


def test_what_must_be_got_by_hand_says_how_after_the_rest_is_done(server: type[_Server]) -> None:
    with pytest.raises(MissingError, match=r"\(licence: NC\) from https://example\.org/page and put it at .*by"):
        fetch(["mixed"])
    assert weights.locate("mixed-web").read_bytes() == GOOD


def test_another_address_is_tried_when_one_fails_or_gives_other_bytes(server: type[_Server]) -> None:
    assert _statuses(fetch(["mirrored"])) == {"mirrored": "verified"}
    assert [path for path, _ in server.requests] == ["/missing", "/other", "/good"]


def test_the_revision_that_a_branch_gave_is_recorded_and_can_be_asked_for(server: type[_Server]) -> None:
    came = fetch(["hub"])[0]
    assert came.origin.endswith(f"/hub/resolve/{REVISION}/good")
    assert (came.status, pin_of(came)) == ("new", f"hub={REVISION}:{SHA}")
    assert weights.verify(["hub"])[0].as_dict()["origin"] == came.origin
    assert weights.origins([f"sha256 {SHA}"]) == {SHA: came.origin}
    assert weights.origins(["another"]) == {}
    server.requests.clear()
    assert _statuses(fetch(["hub"], pins={"hub": f"{REVISION}:{SHA}"})) == {"hub": "verified"}
    assert server.requests == []  # these bytes are here
    fetch(["hub"], pins={"hub": LATER})  # another revision, whatever its bytes: nobody said that they are the same
    assert [path for path, _ in server.requests] == [f"/hub/resolve/{LATER}/good", "/good"]
    assert weights.verify(["hub"])[0].origin.endswith(f"/hub/resolve/{LATER}/good")
    assert weights.verify(["hub"])[0].status == "recorded"
    with pytest.raises(MissingError, match="expected SHA-256 00000"):
        fetch(["hub"], pins={"hub": ":" + "0" * 64})
    assert weights.locate("hub").read_bytes() == GOOD  # what is here is not lost for a pin that nothing meets


@pytest.mark.parametrize(
    ("name", "pin", "said"),
    [
        ("hub", "", "pins no weights file"),
        ("hub", "main:short", "pins no weights file"),
        ("good", "1234567", "follows a branch"),
        ("elsewhere", "1234567", "not fetched"),
    ],
)
def test_a_pin_that_says_nothing_is_a_sentence(server: type[_Server], name: str, pin: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        fetch(["hub", "good"], pins={name: pin})
    assert server.requests == []


def test_bytes_unlike_what_their_server_states_are_thrown_away(server: type[_Server]) -> None:
    with pytest.raises(MissingError, match=f"its server states the SHA-256 {SHA}"):
        fetch(["lying"])
    assert _statuses(weights.verify(["lying"])) == {"lying": "absent"}


def test_a_web_page_in_place_of_a_file_is_refused_and_the_mirror_taken(server: type[_Server]) -> None:
    came = fetch(["drive"])[0]
    assert came.path.read_bytes() == GOOD
    assert came.origin.endswith(f"/resolve/{REVISION}/good")


def test_without_a_hash_no_file_is_joined_from_two_addresses(server: type[_Server]) -> None:
    """The first address broke off after 5000 bytes: the mirror begins at 0."""
    path = fetch(["half"])[0].path
    assert path.read_bytes() == GOOD
    assert list(path.parent.iterdir()) == [path]  # the half is not kept either
    assert server.requests == [("/cut", None), ("/good", None)]


def test_fetch_says_how_to_get_the_same_bytes_elsewhere(server: type[_Server]) -> None:
    told = CliRunner().invoke(weights_verb.command, ["fetch", "hub"])
    assert told.exit_code == 0
    assert told.output.splitlines()[0].split() == ["hub", "size", "unknown", "MIT"]  # before anything is taken
    asked = f"weights fetch hub --pin hub={REVISION}:{SHA}"
    assert told.output.splitlines()[-1] == f"The same bytes on another machine: python bench.py {asked}"
    listed = CliRunner().invoke(weights_verb.command, ["list", "hub"]).output
    assert f"/hub/resolve/{REVISION}/good" in listed
    checked = CliRunner().invoke(weights_verb.command, ["verify", "hub"], standalone_mode=False)
    assert checked.output.split()[:3] == ["hub", "recorded", SHA[:16]]
    assert f"/resolve/{REVISION}/" in checked.output


def test_a_member_is_taken_out_of_its_zip(server: type[_Server]) -> None:
    assert _statuses(fetch(["member"])) == {"member": "verified"}
    path = weights.locate("member")
    assert path.read_bytes() == GOOD
    assert [other.name for other in path.parent.iterdir()] == ["in.bin"]  # the zip is not kept
    with pytest.raises(MissingError, match=r"has no b\.bin in it"):
        fetch(["no-member"])


def test_a_published_prefix_is_checked(server: type[_Server]) -> None:
    assert _statuses(fetch(["prefix"])) == {"prefix": "verified"}
    weights.locate("prefix").write_bytes(b"no")
    assert _statuses(weights.verify(["prefix"])) == {"prefix": "wrong"}


def test_own_copies(server: type[_Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own copy.pt"
    own.write_bytes(GOOD)
    assert weights.locate("good", own) == own
    monkeypatch.setenv(weights.variable("good"), str(own))
    assert weights.locate("good") == own
    own.write_bytes(b"own training")
    with pytest.raises(MissingError, match="expected SHA-256"):
        weights.locate("good")
    assert weights.locate("good", any_hash=True) == own
    with pytest.raises(MissingError, match="nowhere"):
        weights.locate("good", tmp_path / "nowhere", any_hash=True)


def test_unknown_names_and_absent_files(server: type[_Server]) -> None:
    with pytest.raises(UsageError, match="Did you mean 'good'"):
        weights.locate("goood")
    with pytest.raises(UsageError, match="both"):
        fetch(["bothh"])
    with pytest.raises(MissingError, match="not on this machine"):
        weights.locate("good")
    assert set(_statuses(weights.verify()).values()) == {"absent"}
    assert weights.verify(["good"])[0].as_dict()["status"] == "absent"


def test_the_shipped_table_is_complete() -> None:
    rows = weights.table()
    assert {entry.name for entry in weights.select(["cmet"])} >= {
        "emotion2vec",
        "cmet-connector",
        "edtalk",
        "audio2lip",
    }
    for entry in rows.values():
        assert entry.licence, entry.name
        assert entry.trained_on, entry.name
        assert entry.source.startswith(("https://", "http://")), entry.name
        assert not entry.url or entry.sha256 or entry.url.startswith("https://"), entry.name
        assert not entry.sha256 or len(entry.sha256) in range(8, 65), entry.name
        int(entry.sha256 or "0", 16)
        assert "/" not in entry.file, entry.name
        assert entry.bytes or entry.about, entry.name
        assert not entry.mirrors or entry.url, entry.name


def test_every_name_that_code_asks_for_has_a_row_and_every_row_is_asked_for() -> None:
    """By its own name, or by that of a group (EDTalk's stored codes)."""
    texts = {node.value for node in _nodes() if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    unasked = {name for name, row in weights.table().items() if not texts & {name, *row.groups[1:]}}
    assert not unasked
    for node in _nodes():
        call = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
        if call in ("Official", "OfficialFile", "Predictor", "locate") and isinstance(node.args[0], ast.Constant):  # type: ignore[attr-defined]
            assert node.args[0].value in weights.table()  # type: ignore[attr-defined]


def _nodes() -> Iterator[ast.AST]:
    for folder in ("baselines", "cmet", "datasets", "evaluators", "harness", "networks", "recipes", "verbs"):
        for path in (ROOT / folder).rglob("*.py"):
            yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def test_the_table_is_read_without_torch() -> None:
    code = "import sys, harness.weights as w; w.table(); print('torch' in sys.modules, 'numpy' in sys.modules)"
    root = Path(weights.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
