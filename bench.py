"""cmet-bench is the reference evaluation for emotional talking faces. `python bench.py --help` lists the verbs.

Exit codes: 0 fine, 1 unforeseen crash, 2 usage, 3 regression, 4 cannot compare or too little measured,
5 a prerequisite is missing (weights, data, tool, space), 130 interrupted.
"""

from __future__ import annotations

import errno
import importlib
import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from harness import interrupt, streams
from harness.atomic import DISK_FULL
from harness.errors import EXIT_INTERRUPTED, EXIT_MISSING, EXIT_USAGE, BenchError, UsageError, nearest
from harness.threads import one_thread

#: verb → (module, one line of help); the module's `command` is a click command.
VERSION = "0.1.0"  # that of pyproject.toml

VERBS: dict[str, tuple[str, str]] = {
    "run": ("verbs.run", "Generate and judge clips of one or more methods."),
    "score": ("verbs.score", "Judge clips that exist already."),
    "report": ("verbs.report", "Write tables and the page of one or more runs."),
    "compare": ("verbs.compare", "Better, same or worse than a baseline: the CI gate."),
    "reproduce": ("verbs.reproduce", "A published table beside ours."),
    "edit": ("verbs.edit", "Make one video speak with another emotion."),
    "verify": ("verbs.verify", "Check a corpus on disk, and say which lists it can serve."),
    "prepare": ("verbs.prepare", "Crop, resample and extract features of a corpus; resumable."),
    "train": ("verbs.train", "Train C-MET, or one of the small demo networks."),
    "calibrate": ("verbs.calibrate", "Push known damage through every metric and see whether it answers."),
    "weights": ("verbs.weights", "List, fetch or verify weight files."),
    "doctor": ("verbs.doctor", "Is this machine ready? Every red line carries its cure."),
    "list": ("verbs.list", "Methods, datasets, protocols, evaluators; --check a method of yours."),
}


#: The variable by which a shell asks the installed command for completions (README, 'Two commands').
COMPLETES = "_CMET_BENCH_COMPLETE"

#: Verbs that judge: their sums must have one order on every machine, and their processes are parallel over clips.
ONE_THREAD = frozenset({"run", "score", "report", "compare", "reproduce", "calibrate"})


#: The sentence on an interruption's left-overs, and how to go on.
KEPT = {
    "run": "What was finished is kept. Go on with the same command and --resume.",
    "score": "What was finished is kept. Go on with the same command and --resume.",
    "prepare": "What was finished is kept. The same command goes on.",
    "weights": "What was downloaded is kept. The same command goes on.",
    "train": "What was saved is kept. `train --preset NAME --help` says how to go on.",
}


#: The system's errors for a place that cannot hold a file.
NO_PLACE = (errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG)


class Verbs(click.Group):
    """Imports a verb when it is typed, so that --help stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the verbs in the order of use."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Returns the command of one verb; with a suggestion when it is unknown."""
        if cmd_name not in VERBS:
            near = nearest(cmd_name, VERBS)
            hint = f" Did you mean '{near}'?" if near else " See --help for the verbs."
            raise click.UsageError(f"There is no verb '{cmd_name}'.{hint}", ctx)
        if cmd_name in ONE_THREAD:
            one_thread()
        command: click.Command = importlib.import_module(VERBS[cmd_name][0]).command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Returns the verbs that begin so, and options; no verb is imported."""
        begun = [CompletionItem(name, help=text) for name, (_, text) in VERBS.items() if name.startswith(incomplete)]
        return begun or click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of verbs without importing any."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


def _tell_version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    """Print version, commit and suite, and leave."""
    if not asked or context.resilient_parsing:
        return
    from harness.provenance import commit
    from harness.signature import SUITE

    made = commit()
    state = f"commit {str(made.get('commit') or 'unknown')[:12]}{' with changes' * bool(made.get('dirty'))}"
    click.echo(f"cmet-bench {VERSION}, suite v:{SUITE}, {state}")
    context.exit()


_BEGIN = """\b
Begin with:
  python bench.py run --method cmet --limit 22
  python bench.py score --clips my_results/
  python bench.py VERB --help
"""


@click.group(
    cls=Verbs, epilog=_BEGIN, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_tell_version, help="Say which.")
def bench() -> None:
    """Run the reference evaluation for emotional talking faces: one command, the same number everywhere, signed."""


def say(error: BenchError) -> int:
    """Print a user's error as its sentence and its cure."""
    click.echo(f"bench.py: {error.what}", err=True)
    if error.cure:
        click.echo(f"          {error.cure}", err=True)
    return error.exit_code


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb and returns the exit code; a traceback only for the unforeseen."""
    with streams.harmless():
        return _outcome(sys.argv[1:] if arguments is None else arguments)


def _outcome(given: list[str]) -> int:
    try:
        _none_empty(given)
        name = "cmet-bench" if COMPLETES in os.environ else "bench.py"
        outcome = bench.main(args=given, prog_name=name, complete_var=COMPLETES, standalone_mode=False)
    except BenchError as error:
        return say(error)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _interrupted(given)
    except click.ClickException as error:
        return _slip(error)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except (OSError, sqlite3.DatabaseError) as error:
        return _system(error, given)
    return outcome if isinstance(outcome, int) else 0


def _none_empty(arguments: Sequence[str]) -> None:
    """An empty argument is a shell variable that nobody set; as a path it would mean the folder one is in."""
    if "" in arguments:
        before = ["bench.py", *arguments][arguments.index("")]
        raise UsageError(f"The argument after '{before}' is empty.", "Is a shell variable not set?")


def program(arguments: list[str] | None = None) -> int:
    """Runs `main` as a process of its own: SIGTERM is Ctrl-C, and once it is leaving another Ctrl-C changes nothing."""
    streams.make_patient()
    interrupt.terminate_like_ctrl_c()
    try:
        code = _told(main(arguments))
        if code == EXIT_INTERRUPTED:
            interrupt.ignore()
    except KeyboardInterrupt:  # a second one, while the first was being reported
        while True:
            try:
                interrupt.ignore()
                return EXIT_INTERRUPTED
            except KeyboardInterrupt:  # a third one, here
                continue
    return code


def _told(code: int) -> int:
    """The exit code; the work is done, but a result that nobody could read is none."""
    sys.stdout.flush()
    refusal = streams.lost()
    if refusal is None:
        return code
    what = f"bench.py: the output could not be written: {refusal.strerror}. Files that the verb writes are written."
    click.echo(f"{what} Send the output elsewhere.", err=True)
    return code or EXIT_MISSING


def _slip(error: click.ClickException) -> int:
    """Click's complaint about the command line, in our form; a verb typed alone is answered by its help."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return error.exit_code
    if isinstance(error, click.NoSuchOption):  # click names whatever has half the letters in common
        near = nearest(error.option_name, error.possibilities or ())
        error = click.NoSuchOption(error.option_name, possibilities=[near] if near else None, ctx=error.ctx)
    click.echo(f"bench.py: {error.format_message()}", err=True)
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is not None and " --help" not in error.format_message():
        click.echo(f"          See `python {context.command_path} --help`.", err=True)
    return error.exit_code


def _verb(arguments: Sequence[str]) -> str:
    return next((argument for argument in arguments if argument in VERBS), "")


def _interrupted(arguments: Sequence[str]) -> int:
    kept = KEPT.get(_verb(arguments), "No half-written file is left.")
    click.echo(f"bench.py: interrupted. {kept}", err=True)
    return EXIT_INTERRUPTED


def _system(error: OSError | sqlite3.DatabaseError, arguments: Sequence[str]) -> int:
    """The operating system's refusal in one sentence; anything else is unforeseen and is raised again."""
    where = f" ('{error.filename}')" if isinstance(error, OSError) and error.filename else ""
    failing = "disk I/O error" in str(error)  # what sqlite says when not even its shared memory file fits
    if failing or getattr(error, "errno", None) in DISK_FULL or "disk is full" in str(error):
        kept = KEPT.get(_verb(arguments), "Then type the same again.")
        state = "full or failing" if failing else "full"
        click.echo(f"bench.py: the disk is {state}{where}. Free some space. {kept}", err=True)
        return EXIT_MISSING
    if isinstance(error, PermissionError):
        click.echo(f"bench.py: no permission{where}. Choose a path you can read and write.", err=True)
        return EXIT_MISSING
    if type(error) is sqlite3.DatabaseError:  # a page that is not what sqlite wrote
        click.echo(f"bench.py: the run's run.sqlite is damaged ({error}). Start a new run in another folder.", err=True)
        return EXIT_USAGE
    if isinstance(error, sqlite3.OperationalError) or getattr(error, "errno", None) in NO_PLACE:
        why = getattr(error, "strerror", None) or error
        click.echo(f"bench.py: cannot write there{where}: {why}. Choose another place.", err=True)
        return EXIT_MISSING
    raise error


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    sys.exit(program())
