"""Reads frozen test lists: data files whose SHA-256 stands here. A changed list is a new name, never a new content."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from harness.errors import UsageError, unknown_name

FOLDER = Path(__file__).with_name("lists")

Row = dict[str, str]


@dataclass(frozen=True)
class FrozenList:
    """Describes a list file and the source of its rows (docs/reference/corpora.md)."""

    sha256: str
    rows: int
    about: str


LISTS: dict[str, FrozenList] = {
    "mead-cmet-1143": FrozenList(
        "8f3754d588325405ebed41b9ce7c86d33213c1c6fbbeb0f49cb9224172139028",
        1143,
        "C-MET dataset/MEAD/test.csv at d23fd3d; its authors' own numbering",
    ),
    "mead-eat-100": FrozenList(
        "4f3855c3f88f6689a79df3f9e00039d73a30730974b35c090ad2eef0d3594314",
        100,
        "evaluation_eat rand_sample_ours_mead100.npy, in its order; public numbering",
    ),
    "mead-test-identities": FrozenList(
        "9270e5b694f77c516610688986d4789cd1318571338ee9196cd6d08adfd8adc7",
        4,
        "held out by EAT, EDTalk and C-MET",
    ),
    "mead-cmet-train-identities": FrozenList(
        "fdef89eb1914f14615e783040b9ee734236b4d2f3d9447861e7aaa1cd79f3205",
        43,
        "C-MET dataset/MEAD/train.txt at d23fd3d",
    ),
    "mead-edtalk-train-identities": FrozenList(
        "836d3b18bd409ff76873b78fa3461bb337407d516b5f595b74234fc6a646a558",
        39,
        "EDTalk data_preprocess/lists/train.json: MEAD identities and their clip counts",
    ),
    "mead-public-ranges": FrozenList(
        "c0930a41ad3bf2a17f3da0206511980e49072ea3726dabf7df5eee3eeade2b6a",
        76,
        "EDTalk lists/test.json: clips of the test identities by the public numbering",
    ),
    "mead-cmet-absent": FrozenList(
        "04d7fed61c72cdde9744de1d8050ddbd05ec4d478a2657c7e187ea88acf7d3d8",
        33,
        "clips that C-MET's list lacks among 001-003 and 020-030: the gaps of its numbering",
    ),
    "mead-speech-references": FrozenList(
        "23721b4e98338cc9d0ff40abd8473a76c2d540b4af1b882be0963aaaae1475e7",
        220,
        "ours: ten training identities, one utterance each per emotion and level, numbers 004-013",
    ),
    "crema_d-cmet-1546": FrozenList(
        "94a22b0fe9f896d26fe6322de44a00b0721f8e23c872533049757b22d3cb3cb9",
        1546,
        "C-MET dataset/CREMA_D/test.csv at d23fd3d",
    ),
    "crema_d-speech-references": FrozenList(
        "edec737596df6d3b268c14b3eec35fb8a16d1df330570126c5214ddf63b4aabc",
        66,
        "ours: eleven actors, one utterance each per emotion; the sample's own actor is left out",
    ),
    "extended-gemini-150": FrozenList(
        "53adc5e6ad25e604a1736e2f1a04bfed547211528a59cb56d4b7a194e16d7cdd",
        150,
        "C-MET audios/gemini/test.csv at bd384ac",
    ),
    "meld-cmet-12": FrozenList(
        "a293f5a8de2932b4a623dbc987631156104f56f74fde2e046cdf230534ae0dd7",
        12,
        "C-MET audios/MELD/sarcastic: no sarcasm labels, compatibility only; visual sources are ours",
    ),
    "meld-sarcasm-33": FrozenList(
        "6cbc2adfed851d9fcd791494a6a7d6c36d8efdfeddbe212a03e9428442f6f237",
        33,
        "MELD train lines that MUStARD labels sarcastic (exact text, one line counted once); visual sources are ours",
    ),
    "meld-not-sarcastic": FrozenList(
        "ccfb163e10ec89455e1a489a67fc05b4fffac1bb451b91cd9c78797dfbaac5f7",
        129,
        "MELD lines that MUStARD labels not sarcastic (exact text)",
    ),
    "meld-sarcasm-controls": FrozenList(
        "d724be36fac0d04437e782ec547544654fa154c1a31e482098730d66fdef2b5d",
        84,
        "ours: for each sarcastic line up to three not sarcastic ones of the same speaker, none twice",
    ),
}


def read(name: str) -> tuple[Row, ...]:
    """Returns rows of a frozen list, as text by column name. Raises UsageError if the file is not the frozen one."""
    if name not in LISTS:
        raise unknown_name("list", name, LISTS)
    return _read(name, FOLDER / f"{name}.csv", LISTS[name].sha256)


@lru_cache(maxsize=64)
def _read(name: str, path: Path, sha256: str) -> tuple[Row, ...]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"The test list {path} cannot be read: {error.strerror}.", f"Run: git checkout {path.name}"
        ) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise UsageError(
            f"The test list {path} is not the frozen list '{name}': it was changed.",
            "Restore it (git checkout), or give a changed list a new name in datasets/frozen.py.",
        )
    return tuple(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))


def changed() -> Iterable[str]:
    """Yields the names of the lists whose files are not the frozen ones (for `doctor`)."""
    for name in LISTS:
        try:
            read(name)
        except UsageError:
            yield name
