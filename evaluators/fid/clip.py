"""A FID judge collects feature rows of both sides of one clip here."""

from __future__ import annotations

from evaluators import pairing
from evaluators.faces import alignment
from evaluators.fid import collector
from evaluators.fid.collector import Collector
from evaluators.fid.features import FeatureNet, Features
from evaluators.sampling import Sampling
from harness.evaluator import Chunk, ClipContext, Evaluator


class FeatureClip:
    """Collects features of the wanted frames of both sides of one clip."""

    def __init__(
        self,
        judge: Evaluator,
        context: ClipContext,
        net: FeatureNet,
        aligned: alignment.Alignment,
        sampling: Sampling,
    ) -> None:
        self._judge = judge
        self._context = context
        self._net = net
        self._aligned = aligned
        self._shape = (0, 0)  # height and width of the clip's frames
        self._collector: Collector
        self._collector, self._wanted = collector.start(context, net, aligned, sampling)

    def feed(self, chunk: Chunk) -> None:
        """Take the next frames."""
        self._shape = (chunk.frames.shape[1], chunk.frames.shape[2])
        self._collector.feed(chunk)

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Returns height and width of the pictures of both sides, as the network met them."""
        reference = pairing.reference_reader(self._context).info
        return {
            "clip_size": self._aligned.size(self._shape),
            "reference_size": self._aligned.size((reference.height, reference.width)),
        }

    def features(self) -> tuple[Features, Features]:
        """Returns the rows of the clip and of the reference."""
        path = self._context.sample.reference_video
        assert path is not None
        return self._collector.finish(), collector.of_reference(path, self._net, self._aligned, self._wanted)

    def notes(self, clip: Features, reference: Features) -> tuple[str, ...]:
        """Returns remarks on the rows of both sides: those of the decoder, and whether the crop lost frames of
        either.
        """
        whole = len(clip) == len(self._collector.wanted) and len(reference) == len(self._wanted)
        return (*(() if whole else ("frames_left_out",)), *pairing.notes(self._context))
