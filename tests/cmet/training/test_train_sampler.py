"""The training sampler against the released one: same seed, same choices; same choices, same arrays."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from cmet.training.corpus import NEUTRAL, TrainingCorpus
from cmet.training.official_order import official_choices
from cmet.training.packed import FEATURES, PackedCorpus
from cmet.training.packing import EMOTIONS
from cmet.training.sampler import Arrays, SampleOptions, assemble, draw, draw_batch, positions
from harness.errors import BenchError
from harness.seeded import seeded_array
from tests.cmet_golden import Golden

pytestmark = pytest.mark.slow

IDENTITIES = ("M003", "M005", "W009", "W011")


def golden_tree(root: Path) -> Path:
    """The synthetic MEAD tree from which the released sampler's draws were recorded."""
    for i, who in enumerate(IDENTITIES):
        for e, emotion in enumerate(EMOTIONS):
            neutral = e == NEUTRAL
            for level in (1,) if neutral else (1, 2, 3):
                name = f"{who}/{emotion}/level_{level}"
                folder = root / who / "front" / emotion / f"level_{level}"
                (folder / FEATURES).mkdir(parents=True)
                for n in range(1, 41 if neutral else 31):
                    frames = 60 + (7 * n + 13 * level + 3 * e + 5 * i) % 41
                    codes = 2 * seeded_array(f"{name}/{n:03d}_ED_exp", (frames, 10))
                    np.save(folder / f"{n:03d}_ED_exp.npy", codes)
                    np.save(folder / FEATURES / f"{n:03d}.npy", seeded_array(f"{name}/{n:03d}_e2v", (1024,)))
    return root


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> TrainingCorpus:
    root = tmp_path_factory.mktemp("mead")
    return TrainingCorpus(
        PackedCorpus(PackedCorpus.build(golden_tree(root / "tree"), root / "mead.safetensors")), IDENTITIES
    )


def options_of(config: dict[str, object]) -> SampleOptions:
    names = {"T": "window", "direction": "direction", "mode": "mode", "num_feats": "num_feats"}
    given = {names[key]: value for key, value in config.items() if key in names}
    return SampleOptions(
        **given,  # type: ignore[arg-type]
        same_identity=config.get("ID") != "diff",
        scale_intensity=bool(config.get("scale_intensity")),
        except_emotions=tuple(config.get("except_emotions", ())),  # type: ignore[arg-type]
    )


def test_official_order_and_arrays(corpus: TrainingCorpus) -> None:
    golden = Golden("dataset_samples")
    assert len(corpus.clips) == 1144
    for entry in json.loads(str(golden.array("meta_json"))):
        options, name = options_of(entry["config"]), f"s{entry['sample']:02d}"
        source = random.Random(entry["python_random_seed"])
        choices, clip = official_choices(corpus, options, source, entry["idx"])
        who, _, emotion, level, number = entry["first_clip"].split("/")[4:]
        assert clip == (IDENTITIES.index(who), EMOTIONS.index(emotion), int(level[-1]), int(number.split(".")[0]))
        start = next(call[3] for call in reversed(entry["random_calls"]) if call[0] == "randint")
        assert choices.start[0] == start
        arrays = assemble(corpus, options, choices)
        pairs = {"e2v": arrays.speech, "ref": arrays.reference, "neu": arrays.first, "emo": arrays.second}
        for key, ours in {**pairs, "dir": arrays.direction}.items():
            golden.check(f"{name}_{key}", ours[0])
        assert (golden.array(f"{name}_label") == arrays.label[0]).all()


@pytest.mark.parametrize("direction", ["first", "max", "average", "random", "raw"])
def test_laws_of_a_batch(corpus: TrainingCorpus, direction: str) -> None:
    options = SampleOptions(direction=direction)  # type: ignore[arg-type]
    choices = draw(corpus, options, np.random.default_rng(1), np.arange(64))
    arrays = assemble(corpus, options, choices)
    assert (choices.emotion[:, 0] != choices.emotion[:, 1]).all()
    one = assemble(
        corpus,
        options,
        type(choices)(
            *(
                getattr(choices, n)[:, 7:8] if n == "tracks" else getattr(choices, n)[7:8]
                for n in ("index", "emotion", "level", "tracks", "rows", "start")
            )
        ),
    )
    for name in ("reference", "speech", "first", "second", "direction"):
        np.testing.assert_allclose(getattr(one, name)[0], getattr(arrays, name)[7], atol=1e-6)
    known = choices.start >= options.window
    if direction != "raw":
        np.testing.assert_array_equal(arrays.reference[known], arrays.direction[known])
    assert (arrays.reference[choices.start == 0] == 0).all()


def same(a: Arrays, b: Arrays) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("reference", "speech", "direction"))


def test_batches_depend_on_seed_step_and_rank_only(corpus: TrainingCorpus) -> None:
    options = SampleOptions()
    batch = draw_batch(corpus, options, 42, 5, 32)
    draw_batch(corpus, options, 42, 6, 32)
    assert same(batch, draw_batch(corpus, options, 42, 5, 32))
    others = [draw_batch(corpus, options, 42, 6, 32), draw_batch(corpus, options, 43, 5, 32)]
    assert not any(same(batch, other) for other in others)


def test_an_epoch_asks_for_every_clip_once(corpus: TrainingCorpus) -> None:
    steps = len(corpus.clips) // 64
    dealt = np.concatenate([positions(corpus, 0, step, 64) for step in range(steps)])
    assert len(set(dealt.tolist())) == len(dealt)


def test_processes_share_one_batch_out(corpus: TrainingCorpus) -> None:
    whole = draw_batch(corpus, SampleOptions(), 42, 5, 64)
    parts = [draw_batch(corpus, SampleOptions(), 42, 5, 32, rank, 2) for rank in (0, 1)]
    for name in ("reference", "speech", "first", "second", "direction", "label"):
        np.testing.assert_array_equal(np.concatenate([getattr(p, name) for p in parts]), getattr(whole, name))


def test_variants(corpus: TrainingCorpus) -> None:
    index = np.arange(600)
    rng = np.random.default_rng(0)
    plain = draw(corpus, SampleOptions(), rng, index)
    balanced = draw(corpus, SampleOptions(level_balance=True), rng, index)
    from_neutral = [c.level[c.emotion[:, 0] == NEUTRAL, 1] for c in (plain, balanced)]
    assert set(from_neutral[0].tolist()) == {1}
    assert set(from_neutral[1].tolist()) == {1, 2, 3}
    refused = draw(corpus, SampleOptions(except_emotions=("happy", "sad", "fear")), rng, index)
    assert not np.isin(refused.emotion, [EMOTIONS.index(e) for e in ("happy", "sad", "fear")]).all(axis=1).any()
    single = draw(corpus, SampleOptions(mode="single"), rng, index)
    assert single.tracks.shape == (2, 600, 1)
    clips = [[corpus.packed.clips[i] for i in row[:, 0]] for row in single.tracks]
    for first, second in zip(*clips, strict=True):
        sentence = [c.number - 10 if c.emotion == "neutral" and c.number > 30 else c.number for c in (first, second)]
        assert sentence[0] == sentence[1]
        assert first.identity == second.identity


def test_what_cannot_be_served_is_refused(corpus: TrainingCorpus) -> None:
    with pytest.raises(BenchError, match="no two emotions of one person with 500 frames"):
        draw(corpus, SampleOptions(window=500), np.random.default_rng(0), np.arange(4))
    with pytest.raises(BenchError, match="Did you mean 'happy'"):
        SampleOptions(except_emotions=("hapy",))
    with pytest.raises(BenchError, match="no identity"):
        TrainingCorpus(corpus.packed, ["M999"])
