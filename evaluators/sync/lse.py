"""This judge measures LSE-C, LSE-D and offset by SyncNet v2 in every published dialect, and in a clean one.

Dialects are data (dialects.toml). `clean` is the default: true 25 fps, no hidden JPEG, face tracks of any length, only
windows that exist. Reference: Chung & Zisserman 2016; protocols and their traps: docs/reference/metrics.md,
'Sync dialects'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from evaluators.settings import check, choice, unused
from evaluators.sync import dialect, files
from evaluators.weights.judge_weights import SETTINGS as WEIGHT_SETTINGS
from evaluators.weights.judge_weights import in_use
from harness.errors import MediaError, Missing
from harness.evaluator import ClipContext, Evaluator, Fields, Measurement, MetricFacts, Refusal, Statistics, weighted

if TYPE_CHECKING:
    from evaluators.sync.inputs import SyncNetworks

NET, DEMO_NET = "syncnet_v2", "demo-sync"


class LipSync(Evaluator):
    """Measures LSE-C (Sync-C), LSE-D (Sync-D) and AV offset. Settings: `dialect`, `detector` (clean only), `faces`,
    `weights`, …

    Dialects stand in dialects.toml; `faces`: path to S3FD's weights; `weights`, `hash`, `gate`: SyncNet's own; `fps`:
    25 (other rates are converted by time stamps, with a note) or refuse (docs/reference/metrics.md, 'Sync refusals').
    """

    metrics: tuple[MetricFacts, ...] = (
        MetricFacts("lse_c", "LSE-C (Sync-C)", "", True, 0.0, float("inf")),
        MetricFacts("lse_d", "LSE-D (Sync-D)", "", False, 0.0, float("inf")),
        MetricFacts("sync_offset", "AV offset", "frames", False, -15.0, 15.0, ranked=False, ideal=0.0),
    )

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        check("lse", settings, ("dialect", "detector", "faces", "fps", *WEIGHT_SETTINGS))
        self.strict = choice(settings, "fps", ("25", "refuse"), "25") == "refuse"
        self.dialect = dialect.read(settings.get("dialect", "clean"))
        if self.dialect.name == "clean":
            detector = choice(settings, "detector", ("mtcnn", "s3fd"), "mtcnn")
            self.dialect = replace(self.dialect, detector=detector)
        elif "detector" in settings:
            self.dialect = replace(self.dialect, detector=choice(settings, "detector", (self.dialect.detector,), ""))
        if self.dialect.average == "track":
            self.metrics = weighted(self.metrics)
        self.device = device
        self.demo = self.dialect.name == "demo"
        if self.demo:
            unused("The lip-sync dialect 'demo'", settings, ("hash",))
        if self.dialect.detector != "s3fd":
            unused(f"The lip-sync dialect '{self.dialect.name}' without s3fd", settings, ("faces",))
        self._weights = in_use(files.SHIPPED.weights() if self.demo else files.SYNCNET, settings)
        faces = {"weights": settings["faces"]} if settings.get("faces") else {}
        self._face_weights = in_use(files.FACES, faces) if self.dialect.detector == "s3fd" else None
        self._networks: SyncNetworks | None = None

    def missing(self) -> list[Missing]:
        """Returns the weights that are not here."""
        return self._weights.missing() + (self._face_weights.missing() if self._face_weights else [])

    def load(self) -> None:
        """Build the networks. Raises MissingError or ImplausibleError where their weights cannot be believed."""
        if self._networks is not None:
            return
        from evaluators.sync import weights
        from evaluators.sync.inputs import SyncNetworks
        from evaluators.sync.syncnet_stream import LipRunner

        net = weights.load(self._weights).to(self.device)
        faces = None
        if self._face_weights is not None:
            from evaluators.faces import s3fd

            faces = s3fd.load(self._face_weights.path(), self.device)
        key = "|".join(value for _, value in self._weights.fields())
        self._networks = SyncNetworks(net, LipRunner(net, self.device), key, self.device, faces)

    def fields(self, metric: str) -> Fields:
        """Returns dialect, frame rate, weights of both networks."""
        fields = self.dialect.signature(DEMO_NET if self.demo else NET)
        if self.strict:
            fields = tuple((key, "25-only" if key == "fps" else value) for key, value in fields)
        faces = tuple(("wf", value) for key, value in self._face_fields() if key == "w")
        return *fields, *faces, *self._weights.fields()

    def long_fields(self, metric: str) -> Fields:
        """Returns SyncNet's whole hash."""
        return self._weights.long()

    def _face_fields(self) -> Fields:
        return self._face_weights.fields() if self._face_weights else ()

    def start(self, context: ClipContext) -> Measurement | Refusal:
        """Follow one clip; without sound there is nothing to follow."""
        if self.strict and {"fps_resampled", "vfr_resampled"} & set(context.notes):
            return Refusal("fps_refused", ", ".join(context.notes))
        if self.dialect.source == "driving":
            from evaluators.sync.audio import of_driving

            try:
                context = of_driving(context)
            except MediaError as error:
                return Refusal("no_audio", f"driving sound: {error.what}")
        if context.audio is None:
            return Refusal("no_audio", " ".join(context.notes))
        if self.dialect.crop == "align68":
            from evaluators.sync import aligned

            if (problem := aligned.problem(context)) is not None:
                return problem
        from evaluators.sync.clip import SyncClip

        assert self._networks is not None, "load() comes first"
        return SyncClip(self, self.dialect, self._networks, context)

    def combine(self, metric: str, rows: Sequence[Statistics]) -> float:
        """Returns the mean over clips, or over all tracks of all clips where the dialect averages lines."""
        if rows and self.dialect.average == "track":
            key = {"lse_c": "c", "lse_d": "d", "sync_offset": "offset"}[metric]
            return float(np.concatenate([np.asarray(row[key], np.float64) for row in rows]).mean())
        return super().combine(metric, rows)

    def note(self, metric: str, rows: Sequence[Statistics]) -> str:
        """Returns what the sign of the offset means, which people ask again and again."""
        return "positive: the picture is late, the sound early; a frame is 40 ms" if metric == "sync_offset" else ""
